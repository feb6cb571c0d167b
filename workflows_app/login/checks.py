"""System checks of the login: with a stable id, the problem and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.urls import NoReverseMatch, reverse

from workflows_app.security_checks import missing_groups

MIDDLEWARE = "workflows_app.login.factors.LoginMiddleware"
#: The settings that this app relies on, and what they must be.
_NEEDED = {
    "ACCOUNT_ADAPTER": "workflows_app.login.adapters.AccountAdapter",
    "SOCIALACCOUNT_ADAPTER": "workflows_app.login.adapters.SingleSignOnAdapter",
    "MFA_ADAPTER": "workflows_app.login.adapters.SecondFactorAdapter",
    "LOGIN_URL": "account_login",
    # There are no pages that verify an address, and no page sends mails.
    "ACCOUNT_EMAIL_VERIFICATION": "none",
    "MFA_ALLOW_UNVERIFIED_EMAIL": True,
}
#: Caches that each process has for itself, or that keep nothing.
_NOT_SHARED = ("locmem.LocMemCache", "dummy.DummyCache")


@register()
def check_login(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E041: a setting. E042: the middleware. E043: groups of single sign-on. E044: the addresses. W041: the
    cache.
    """
    messages: list[CheckMessage] = [
        Error(
            f"The login needs {name} = {wanted!r}.",
            hint="docs/install.md has the settings of the login.",
            id="workflows_app.E041",
        )
        for name, wanted in _NEEDED.items()
        if getattr(settings, name, None) != wanted
    ]
    if MIDDLEWARE not in settings.MIDDLEWARE:
        messages.append(
            Error(
                "The middleware of the login is missing: the admin's own login would not be throttled.",
                hint=f"Put '{MIDDLEWARE}' behind 'allauth.account.middleware.AccountMiddleware'.",
                id="workflows_app.E042",
            )
        )
    if not _has_addresses():
        messages.append(
            Error(
                "The addresses of the login are missing: nobody could log in.",
                hint="Add path('account/', include('workflows_app.login.urls')) to the urls.",
                id="workflows_app.E044",
            )
        )
    messages += [
        Error(f"Single sign-on by '{name}': {problem}", id="workflows_app.E043")
        for name, problem in _wrong_providers()
    ]
    if str(settings.CACHES["default"]["BACKEND"]).endswith(_NOT_SHARED):
        messages.append(
            Warning(
                "Each web process counts attempts to log in for itself: there are as many more of them.",
                hint="Use a cache that all share: django.core.cache.backends.db.DatabaseCache with"
                " LOCATION 'workflows_login_cache' needs nothing more.",
                id="workflows_app.W041",
            )
        )
    return messages


@register(Tags.database)
def check_groups(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **_: Any
) -> list[CheckMessage]:
    """W005: single sign-on gives a group that does not exist."""
    messages: list[CheckMessage] = []
    for app in _providers():
        of_provider = app.get("settings", {})
        groups = of_provider.get("groups", {}) if isinstance(of_provider, dict) else {}
        if _is_map(groups):
            where = f"Single sign-on by '{app.get('provider_id', '?')}'"
            messages += missing_groups(where, groups.values(), databases)
    return messages


def _has_addresses() -> bool:
    try:
        reverse("workflows_login_again")
    except NoReverseMatch:
        return False
    return True


def _providers() -> list[dict[str, Any]]:
    configured = getattr(settings, "SOCIALACCOUNT_PROVIDERS", {}).get("openid_connect", {})
    return list(configured.get("APPS", []))


def _is_map(groups: object) -> bool:
    return isinstance(groups, dict) and all(isinstance(each, str) for each in groups.values())


def _wrong_providers() -> list[tuple[str, str]]:
    found = []
    for app in _providers():
        name = app.get("provider_id", "?")
        missing = [
            key for key in ("provider_id", "name", "client_id", "secret") if not app.get(key)
        ]
        of_provider = app.get("settings", {})
        if not isinstance(of_provider, dict):
            found.append((name, "its settings must be a dict."))
            continue
        if missing or not of_provider.get("server_url"):
            missing = [*missing, *(["settings.server_url"] if not missing else [])]
            found.append((name, f"it has no {missing[0]}."))
        found += [
            (name, f"its {key} must be true or false.")
            for key in ("email_authentication", "asks_for_second_factor")
            if not isinstance(of_provider.get(key, False), bool)
        ]
        if not _is_map(of_provider.get("groups", {})):
            found.append((name, "its groups must be a dict: a group here for each there."))
    return found
