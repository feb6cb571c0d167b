"""The second factor: who has given one in this session, and who must."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import authentication_step_completed
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.signals import authenticator_added, authenticator_removed
from allauth.socialaccount.adapter import get_adapter as get_sso_adapter
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.db import Error
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from workflows_app.account_changes import write_change
from workflows_app.admin.away import page_for
from workflows_app.admin.sessions import name_now
from workflows_app.conf import policy
from workflows_app.groups import OPERATE
from workflows_app.login.adapters import not_allowed

_ADDED = "workflows_second_factor_added"


def has_second_factor(request: HttpRequest) -> bool:
    """Tell whether the person has given a second factor in this session, here or where they logged in."""
    if request.session.get(_ADDED) == str(request.user.pk):
        return True
    records = get_authentication_records(request, request.user)  # type: ignore[arg-type,unused-ignore]
    return any(
        record.get("method") == "mfa"
        or (record.get("method") == "socialaccount" and _asks_for_it(record.get("provider")))
        for record in records
    )


def _asks_for_it(provider_id: Any) -> bool:
    """Tell whether the settings say that a provider asks everybody for a second factor."""
    apps = get_sso_adapter().list_apps(None, provider=provider_id)
    return any(app.settings.get("asks_for_second_factor") is True for app in apps)


def may_decide(person: Any) -> bool:
    """Tell whether `person` may decide anything."""
    return any(person.has_perm(f"workflows_app.{codename}") for codename in OPERATE)


class LoginMiddleware:
    """Leads from the admin's login to this one, and asks who may decide for a second factor.

    Put it behind `SessionAgeMiddleware`, and behind allauth's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *arguments: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or "admin" not in match.app_names or match.url_name == "logout":
            return None
        try:
            return self._in_place(request, is_login=match.url_name == "login")
        except Error as error:
            # What fails here never comes to the view, nor to what stands in for it.
            page = page_for(request, error)
            if page is None:
                raise
            return page

    def _in_place(self, request: HttpRequest, *, is_login: bool) -> HttpResponse | None:
        if is_login:
            return _in_place_of_login(request)
        if not request.user.is_authenticated or not policy().second_factor_to_decide:
            return None
        if not may_decide(request.user) or has_second_factor(request):
            return None
        return _ask_for_second_factor(request)


def _in_place_of_login(request: HttpRequest) -> HttpResponse:
    next_page = request.GET.get("next", "")
    hosts = {request.get_host()}
    if not url_has_allowed_host_and_scheme(next_page, hosts, require_https=request.is_secure()):
        next_page = reverse("admin:index")
    person: Any = request.user
    if not person.is_authenticated:
        return redirect_to_login(next_page, reverse("account_login"))
    return redirect(next_page) if person.is_staff else not_allowed(request)


def _ask_for_second_factor(request: HttpRequest) -> HttpResponse:
    if get_mfa_adapter().is_mfa_enabled(request.user):
        # It was set up in another session.
        logout(request)
        messages.warning(request, _("Log in again, with your second factor."))
        address = reverse("account_login")
    else:
        messages.warning(request, _("Whoever may decide here needs a second factor. Set yours up."))
        address = reverse("mfa_activate_totp")
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


@receiver(authentication_step_completed, dispatch_uid="workflows_app.login")
def _named_again(request: HttpRequest, **facts: Any) -> None:
    if facts.get("reauthenticated"):
        name_now(request)


@receiver(authenticator_added, dispatch_uid="workflows_app.login")
def _added(request: HttpRequest, user: Any, authenticator: Any, **facts: Any) -> None:
    if authenticator.type == authenticator.Type.TOTP:
        request.session[_ADDED] = str(user.pk)
        write_change(user, ["second factor added"])


@receiver(authenticator_removed, dispatch_uid="workflows_app.login")
def _removed(request: HttpRequest, user: Any, authenticator: Any, **facts: Any) -> None:
    if authenticator.type == authenticator.Type.TOTP:
        request.session.pop(_ADDED, None)
        write_change(user, ["second factor removed"])
