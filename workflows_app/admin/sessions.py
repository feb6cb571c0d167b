"""How long a person stays logged in to the console, and when they say again who they are.

A browser that is left open must not decide for ever. The times are in the session, so that they end with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.sites import all_sites
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.db import Error
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from workflows_app.admin.zones import be_in_zone_of
from workflows_app.conf import policy

_LOGGED_IN_AT = "workflows_logged_in_at"
_SEEN_AT = "workflows_seen_at"
_NAMED_AT = "workflows_named_at"
_WRONG = "workflows_wrong_passwords"
#: What pages ask for by themselves, by the names that htmx sends: nobody need be there.
_POLLS = frozenset({"ops-home", "ops-run", "ops-tried"})
#: Where a request keeps what ends with its answer.
_UNTIL_ANSWERED = "_workflows_until_answered"
#: A session is not written for each page.
_SEEN_EVERY_SECONDS = 300.0
#: More wrong passwords than this, one after the other, end the session.
WRONG_AT_MOST = 5


@receiver(user_logged_in, dispatch_uid="workflows_app.sessions")
def _begin(request: HttpRequest, **_: Any) -> None:
    request.session[_LOGGED_IN_AT] = request.session[_NAMED_AT] = time.time()


class SessionAgeMiddleware:
    """Logs people out of the admin who were away for too long, or logged in too long ago.

    And makes the admin's pages in the time zone of their reader: see `zones`.

    Put it behind Django's for authentication and for messages.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with ExitStack() as until_answered:
            vars(request)[_UNTIL_ANSWERED] = until_answered
            return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or "admin" not in match.app_names:
            return None
        be_in_zone_of(request, vars(request)[_UNTIL_ANSWERED])
        # What was typed into an open dialog is kept: it says that its person was logged out.
        is_dialog = request.method == "POST" and "HX-Request" in request.headers
        try:
            is_known = request.user.is_authenticated
            is_somebody = request.headers.get("HX-Trigger") not in _POLLS
            why = _why_over(request.session, is_somebody) if is_known else ""
        except Error:
            # The page asks the same, and for it there is an answer: see `away`.
            return None
        if is_dialog and not is_known:
            return HttpResponse(status=401)
        is_part = "HX-Request" in request.headers
        if is_known and not why and is_part and not _lets_in(match.namespace, request):
            # A page of the login in place of a part would take what was typed with it.
            return HttpResponse(status=403)
        if not why:
            return None
        logout(request)
        messages.warning(request, why)
        if is_dialog:
            return HttpResponse(status=401)
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": reverse("admin:login")})
        is_reading = request.method in ("GET", "HEAD")
        return redirect_to_login(
            request.get_full_path() if is_reading else reverse("admin:index"),
            reverse("admin:login"),
        )


def _lets_in(name: str, request: HttpRequest) -> bool:
    return any(site.name == name and site.has_permission(request) for site in all_sites)


def _why_over(session: SessionBase, is_somebody: bool) -> str:
    """Return why the session is over, or note that somebody is there, if so."""
    now, limits = time.time(), policy()
    logged_in_at = session.setdefault(_LOGGED_IN_AT, now)
    seen_at = session.get(_SEEN_AT, logged_in_at)
    # What is to come was written by a clock that was ahead: for as long as that it would have no end.
    if 0 < limits.session_seconds < abs(now - logged_in_at):
        return _("You logged in long ago. Log in again.")
    if 0 < limits.session_idle_seconds < abs(now - seen_at):
        return _("You were away for long. Log in again.")
    if (
        is_somebody
        and now - seen_at >= min(_SEEN_EVERY_SECONDS, limits.session_idle_seconds / 10) > 0
    ):
        session[_SEEN_AT] = now
    return ""


def must_name_themselves(request: HttpRequest) -> bool:
    """Tell whether the person gives the password again before the next decision."""
    seconds = policy().password_again_seconds
    return seconds > 0 and not was_named_within(request, seconds=seconds)


def was_named_within(request: HttpRequest, *, seconds: float) -> bool:
    """Tell whether the person logged in, or said again who they are, no longer ago than that."""
    return bool(abs(time.time() - request.session.get(_NAMED_AT, 0.0)) <= seconds)


def name_now(request: HttpRequest) -> None:
    """Note that the person has just said again who they are."""
    request.session[_NAMED_AT] = time.time()


def is_password(request: HttpRequest, password: str) -> bool:
    """Tell whether it is the person's, and remember that. Too many wrong ones end the session."""
    user: Any = request.user
    # Of requests that overlap each saves a count that knows nothing of the others: so each takes a place, too.
    of_session = f"workflows.password:{user.pk}:{request.session.get(_LOGGED_IN_AT)}"
    places = [f"{of_session}:{place}" for place in range(WRONG_AT_MOST + 1)]
    seconds = request.session.get_expiry_age()
    place = next((n for n, key in enumerate(places, 1) if cache.add(key, 1, timeout=seconds)), None)
    # A cache that is away gives no place, though none is taken: then the session's count has to do.
    are_taken = place is None and cache.get(places[0]) is not None
    if not are_taken and user.check_password(password):
        name_now(request)
        request.session.pop(_WRONG, None)
        cache.delete_many(places)
        return True
    wrong = request.session.get(_WRONG, 0) + 1
    request.session[_WRONG] = wrong
    if are_taken or max(wrong, place or 0) > WRONG_AT_MOST:
        logout(request)
    return False


def can_be_ended() -> bool:
    """Tell whether the project keeps its sessions where one can look whose they are."""
    return issubclass(import_module(settings.SESSION_ENGINE).SessionStore, SessionStore)


def end_sessions(accounts: set[str]) -> int:
    """End all sessions of the accounts of these keys; return how many."""
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    ended = 0
    for row in store.get_model_class().objects.filter(expire_date__gt=timezone.now()).iterator():
        if row.get_decoded().get("_auth_user_id") in accounts:
            store(row.session_key).delete()
            ended += 1
    return ended
