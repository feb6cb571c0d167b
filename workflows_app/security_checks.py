"""System checks of what keeps the console safe: with a stable id, the problem and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS
from django.db.utils import DatabaseError

from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.deciders import fitting_nothing, named_groups
from workflows_app.errors import SettingsError
from workflows_app.installation import CONSOLE, is_complete

GUARD = "workflows_app.admin.guard.GuardMiddleware"
HEALTH = "workflows_app.health.HealthMiddleware"
SESSION_AGE = "workflows_app.admin.sessions.SessionAgeMiddleware"
LOGIN = "workflows_app.login"


@register()
def check_security(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E020: no guard before the pages. W023: it holds up health checks. E021: `WORKFLOWS_DECIDERS` is wrong.
    E040: a second factor that nothing asks for. W020: sessions don't end. W021: deciders about nothing."""
    messages: list[CheckMessage] = []
    has_console = apps.is_installed(CONSOLE)
    if has_console and GUARD not in settings.MIDDLEWARE:
        messages.append(
            Error(
                "The guard is missing: statements of pages have no limit, and pages show nothing of what"
                " belongs to a row.",
                hint=f"Put '{GUARD}' into MIDDLEWARE before all others, but behind LocaleMiddleware and"
                f" '{HEALTH}'.",
                id="workflows_app.E020",
            )
        )
    elif has_console and HEALTH in settings.MIDDLEWARE[settings.MIDDLEWARE.index(GUARD) :]:
        messages.append(
            Warning(
                "Health checks wait behind the guard: where all places for pages are taken, a process that is"
                " only busy counts as dead.",
                hint=f"Put '{HEALTH}' before '{GUARD}' in MIDDLEWARE.",
                id="workflows_app.W023",
            )
        )
    try:
        messages += [
            Warning(
                f"WORKFLOWS_DECIDERS['{pattern}'] fits no workflow of the code, and keeps nobody from deciding about one.",
                hint="Correct the pattern, or take it out once no such workflow has anything to decide.",
                id="workflows_app.W021",
            )
            for pattern in fitting_nothing(flow.slug for flow in registry.all_workflows())
        ]
    except SettingsError as error:
        messages.append(
            Error(
                str(error), hint="Correct the WORKFLOWS_DECIDERS setting.", id="workflows_app.E021"
            )
        )
    if _lacks_login():
        messages.append(
            Error(
                "WORKFLOWS['second_factor_to_decide'] is on, and nothing here asks for a second factor.",
                hint=f"Add '{LOGIN}' to INSTALLED_APPS. docs/install.md has what it needs.",
                id="workflows_app.E040",
            )
        )
    if has_console and SESSION_AGE not in settings.MIDDLEWARE:
        messages.append(
            Warning(
                "Who logged in stays so for as long as Django's session lasts, whoever sits there.",
                hint=f"Put '{SESSION_AGE}' behind Django's MessageMiddleware in MIDDLEWARE.",
                id="workflows_app.W020",
            )
        )
    return messages


@register(Tags.database)
def check_deciders(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **_: Any
) -> list[CheckMessage]:
    """W005: `WORKFLOWS_DECIDERS` names a group that does not exist."""
    try:
        return missing_groups("WORKFLOWS_DECIDERS", named_groups(), databases)
    except SettingsError:
        return []


def missing_groups(
    where: str, names: Iterable[str], databases: Sequence[str] | None
) -> list[CheckMessage]:
    """Return W005 for those of `names` that are no group, if the database may be asked. Of one without tables nothing is said."""
    wanted = set(names)
    if DEFAULT_DB_ALIAS not in (databases or []) or not wanted or not is_complete():
        return []
    from django.contrib.auth.models import Group

    try:
        wanted -= set(Group.objects.filter(name__in=wanted).values_list("name", flat=True))
    except DatabaseError:
        return []
    return [
        Warning(
            f"{where} names the group '{name}', which does not exist: nobody is in it.",
            hint="Correct the name, or make the group.",
            id="workflows_app.W005",
        )
        for name in sorted(wanted)
    ]


@register(deploy=True)
def check_hosts(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W022: the site answers under any name."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Warning(
            "ALLOWED_HOSTS has '*': anybody could name this site as they like, and links would lead there.",
            hint="Name the hosts, unless a proxy in front lets no other through.",
            id="workflows_app.W022",
        )
    ]


def _lacks_login() -> bool:
    try:
        return policy().second_factor_to_decide and not apps.is_installed(LOGIN)
    except SettingsError:
        return False
