"""How allauth behaves here: nobody signs up, and who comes by single sign-on is what their groups say."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.translation import gettext as _

from workflows_app.admin.guard import address_of
from workflows_app.admin.sessions import can_be_ended, end_sessions, name_now, was_named_within

#: A login this young is as good as saying again who one is.
_YOUNG_SECONDS = 300.0
#: By how much the clock of the provider may be behind.
_SKEW_SECONDS = 60.0
OPENID_CONNECT = "openid_connect"
#: In the state of a redirect: since when the person must have logged in at the provider.
AGAIN_AT = "workflows_again_at"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc,unused-ignore]
    """Accounts are made by staff, or by single sign-on, and not by whoever comes along."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that is throttled: the one that the log has."""
        return address_of(request)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        return not was_named_within(context.request, seconds=_YOUNG_SECONDS)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Return allauth's, and for who has none the single sign-on."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if not methods and user.is_authenticated and single_sign_on_of(user):
            again = {"id": "single_sign_on", "description": _("Log in again")}
            return [{**again, "url": reverse("workflows_login_again")}]
        return methods


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc,unused-ignore]
    """Secrets of second factors are encrypted by the SECRET_KEY: a copy of the database has none."""

    def encrypt(self, text: str) -> str:
        return _keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _keys().decrypt(encrypted_text.encode()).decode()


def _keys() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(b"second factor " + force_bytes(key)).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc,unused-ignore]
    """The provider's groups are groups here, by the `groups` of its settings, at each login."""

    def list_apps(
        self, request: HttpRequest | None, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Return the providers of the settings: none comes from a row, and the login page asks for none."""
        configured: Any = settings.SOCIALACCOUNT_PROVIDERS.get(OPENID_CONNECT, {}).get("APPS", [])
        apps = [SocialApp(provider=OPENID_CONNECT, **app) for app in configured]
        return [
            app
            for app in apps
            if provider in (None, app.provider, app.provider_id)
            and client_id in (None, app.client_id)
        ]

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[Any, str] | None:
        """Return whose account has a verified mail of the person, if it is one, and nobody comes to it yet.

        Whoever comes to it would be in it with all the groups of the person. What that account is called in a
        provider counts from then on, and no more its mail.
        """
        model: Any = get_user_model()
        name = model.get_email_field_name()
        for address in sociallogin.email_addresses if hasattr(model, name) else ():
            if address.verified and self.can_authenticate_by_email(sociallogin, address.email):
                # As it is written: letters that look alike are not the same.
                users = model._default_manager.filter(**{name: address.email.lower()})
                free = [user for user in users if single_sign_on_of(user) is None]
                if len(free) == 1:
                    return free[0], address.email
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        process = sociallogin.state.get("process")
        if process == "redirect":
            _named_again(request, sociallogin)
        elif process == "connect":
            # Who has a session of somebody else's could log in as them for good.
            raise PermissionDenied
        elif sociallogin.is_existing:
            self._let_in(request, sociallogin, sociallogin.user)
            if sociallogin.account.pk is None:
                _hand_over(request, sociallogin)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return bool(_groups_of(sociallogin))

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> Any:
        user = sociallogin.user
        user.is_staff = True
        made = super().save_user(request, sociallogin, form)
        _set_groups(user, sociallogin)
        return made

    def _let_in(self, request: HttpRequest, sociallogin: SocialLogin, user: Any) -> None:
        """Give an account the groups that it has there. Without any left, it is let in no more."""
        _set_groups(user, sociallogin)
        has_map = bool(_map_of(sociallogin))
        if has_map and not _groups_of(sociallogin) and not user.has_usable_password():
            raise ImmediateHttpResponse(not_allowed(request))


def _hand_over(request: HttpRequest, sociallogin: SocialLogin) -> None:
    """Make an account that was found by its mail the person's alone. allauth takes its password away."""
    if can_be_ended():
        end_sessions({str(sociallogin.user.pk)})
    sociallogin.connect(request, sociallogin.user)


def not_allowed(request: HttpRequest) -> HttpResponse:
    """Answer who may do nothing here."""
    return render(request, "workflows_app/login/not_allowed.html", status=403)


def single_sign_on_of(user: Any) -> SocialAccount | None:
    """Return the account at a provider by which `user` logs in, if there is one."""
    found: SocialAccount | None = SocialAccount.objects.filter(user=user).order_by("pk").first()
    return found


def _map_of(sociallogin: SocialLogin) -> dict[str, str]:
    """Return which group here stands for which there."""
    mapped: dict[str, str] = sociallogin.provider.app.settings.get("groups", {})
    return mapped


def _told(sociallogin: SocialLogin) -> dict[str, Any]:
    """Return what the provider said of the person: the ID token's claims, under those of its user info."""
    data = sociallogin.account.extra_data
    return {**(data.get("id_token") or {}), **(data.get("userinfo") or {})}


def _groups_of(sociallogin: SocialLogin) -> set[str]:
    """Return the names of the groups here that the person has by the provider's word."""
    claim = sociallogin.provider.app.settings.get("groups_claim", "groups")
    told = _told(sociallogin).get(claim)
    names = told if isinstance(told, list) else [told]
    mapped = _map_of(sociallogin)
    return {mapped[name] for name in names if isinstance(name, str) and name in mapped}


def _set_groups(user: Any, sociallogin: SocialLogin) -> None:
    """Let the account be in the mapped groups that the provider says, and in no others of them."""
    mapped = set(_map_of(sociallogin).values())
    wanted = _groups_of(sociallogin)
    has = set(user.groups.filter(name__in=mapped).values_list("name", flat=True))
    if wanted - has:
        user.groups.add(*Group.objects.filter(name__in=wanted - has))
    if has - wanted:
        user.groups.remove(*Group.objects.filter(name__in=has - wanted))


def _named_again(request: HttpRequest, sociallogin: SocialLogin) -> None:
    """Note that the person has just logged in at the provider, if the same one has.

    Asked for with `max_age=0`, the provider says when (OpenID Connect Core, 2: `auth_time`). That the
    address said so is no proof: the browser of the person carries it.
    """
    data = sociallogin.state.get("data") or {}
    id_token = sociallogin.account.extra_data.get("id_token") or {}
    at = id_token.get("auth_time")
    is_linked = sociallogin.account.pk is not None
    is_same = is_linked and sociallogin.is_existing and sociallogin.user == request.user
    asked_at = data.get(AGAIN_AT)
    if (
        is_same
        and isinstance(asked_at, float)
        and isinstance(at, int | float)
        and asked_at - _SKEW_SECONDS <= at <= time.time() + _SKEW_SECONDS
    ):
        name_now(request)
