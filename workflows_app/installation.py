"""What a project must have set up for this app, told by system checks with the remedy.

Nothing here may need what it looks for: without an app that is missing, neither the admin's pages nor
the tasks can be imported, and `workflows_app.apps` leaves them alone until all is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.db import DEFAULT_DB_ALIAS, router
from django.urls import NoReverseMatch, reverse

_PAGE = "docs/install.md has the whole list."
CONSOLE = "django.contrib.admin"
#: The apps that are needed, and what for.
_REQUIRED = {
    "django.contrib.auth": "decisions have a person",
    "django.contrib.contenttypes": "permissions need it",
    "pgtrigger": "the database refuses to change what was decided",
    "procrastinate.contrib.django": "it is the queue of the workers",
    "simple_history": "every change of state has a history row",
}
#: Those that the console needs besides; where Django's admin is not installed, there is no console.
_REQUIRED_BY_CONSOLE = {
    "django.contrib.messages": "the console tells by messages what was done",
    "django.contrib.postgres": "history has indexes of PostgreSQL's own kinds",
    "django.contrib.sessions": "people log in",
    "django.contrib.staticfiles": "the console has styles and scripts",
    "unfold": "the console's pages are made for its theme",
    "unfold.contrib.filters": "the filters of the lists are in it",
    "unfold.contrib.forms": "the dialogs of the buttons are in it",
    "unfold.contrib.simple_history": "the pages of history are in it",
}
#: The first of two must stand before the second.
_ORDERED = {
    ("unfold", "django.contrib.admin"): "its templates stand in for Django's",
    ("unfold.contrib.simple_history", "simple_history"): "its templates stand in for the others",
    ("procrastinate.contrib.django", "workflows_app"): "its pages of jobs are replaced",
}
HISTORY_MIDDLEWARE = "simple_history.middleware.HistoryRequestMiddleware"
AWAY_MIDDLEWARE = "workflows_app.admin.away.DatabaseAwayMiddleware"


def is_complete() -> bool:
    """Tell whether all apps that are needed are installed, in an order that works."""
    return not app_problems()


def has_console() -> bool:
    """Tell whether the console's pages can be made here."""
    return is_complete() and apps.is_installed(CONSOLE)


def app_problems() -> list[CheckMessage]:
    """E005: an app is missing. E006: two apps stand in the wrong order."""
    names = [config.name for config in apps.get_app_configs()]
    required = {**_REQUIRED, **(_REQUIRED_BY_CONSOLE if CONSOLE in names else {})}
    missing: list[CheckMessage] = [
        Error(
            f"'{name}' is not in INSTALLED_APPS: {why}.",
            hint=f"Add '{name}'. {_PAGE}",
            id="workflows_app.E005",
        )
        for name, why in sorted(required.items())
        if name not in names
    ]
    return missing + [
        Error(
            f"'{first}' stands after '{second}' in INSTALLED_APPS: {why}.",
            hint=f"Move '{first}' before '{second}'. {_PAGE}",
            id="workflows_app.E006",
        )
        for (first, second), why in _ORDERED.items()
        if first in names and second in names and names.index(first) > names.index(second)
    ]


@register()
def check_installation(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E003, E004, E010, W003: a setting. E005, E006, I003: an app. E007 to E009: the admin site. E011: a router."""
    problems = [*app_problems(), *_settings_problems()]
    if not is_complete():
        return problems
    of_console = _site_problems() if apps.is_installed(CONSOLE) else [_no_console()]
    return [*problems, *_router_problems(), *of_console]


def _no_console() -> CheckMessage:
    return Info(
        f"There is no console here: '{CONSOLE}' is not in INSTALLED_APPS.",
        hint=f"Nothing, where others have it; else add it. {_PAGE}",
        id="workflows_app.I003",
    )


def _settings_problems() -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    if HISTORY_MIDDLEWARE not in settings.MIDDLEWARE:
        problems.append(
            Error(
                "The history middleware is missing: history would not know who made a request.",
                hint=f"Add '{HISTORY_MIDDLEWARE}' to MIDDLEWARE.",
                id="workflows_app.E003",
            )
        )
    if not getattr(settings, "SIMPLE_HISTORY_ENABLED", True):
        problems.append(
            Error(
                "SIMPLE_HISTORY_ENABLED is off: changes would leave no history.",
                hint="Take it out of the settings.",
                id="workflows_app.E004",
            )
        )
    if not settings.USE_TZ:
        problems.append(
            Error(
                "USE_TZ is off: times would be ambiguous when clocks change.",
                hint="Set USE_TZ = True.",
                id="workflows_app.E010",
            )
        )
    if apps.is_installed(CONSOLE) and AWAY_MIDDLEWARE not in settings.MIDDLEWARE:
        problems.append(
            Warning(
                "While the database is away, the console would answer 500 and log a traceback.",
                hint=f"Add '{AWAY_MIDDLEWARE}' to MIDDLEWARE, before the sessions.",
                id="workflows_app.W003",
            )
        )
    return problems


def _router_problems() -> list[CheckMessage]:
    """E011: the tables of this app, or the queue's, would be in another database than the accounts."""
    from procrastinate.contrib.django.settings import settings as of_queue

    from workflows_app.models import Workflow

    used = {router.db_for_read(Workflow), router.db_for_write(Workflow), of_queue.DATABASE_ALIAS}
    if router.allow_migrate_model(DEFAULT_DB_ALIAS, Workflow) and used == {DEFAULT_DB_ALIAS}:
        return []
    return [
        Error(
            "The tables of this app and of its queue are not all in the database 'default', where the"
            " accounts are.",
            hint="Let DATABASE_ROUTERS and PROCRASTINATE_DATABASE_ALIAS leave 'workflows_app' and"
            " 'procrastinate' in 'default'.",
            id="workflows_app.E011",
        )
    ]


def _site_problems() -> list[CheckMessage]:
    """E007: a site without the theme. E008: the theme took a site's place. E009: no address leads to it."""
    from unfold.sites import UnfoldAdminSite

    from workflows_app.admin import sites_of_console

    problems: list[CheckMessage] = [
        Error(
            f"The admin site '{site.name}' is a {type(site).__name__}, which the theme does not know.",
            hint="Derive its class from unfold.sites.UnfoldAdminSite.",
            id="workflows_app.E007",
        )
        for site in sites_of_console()
        if not isinstance(site, UnfoldAdminSite)
    ]
    default = getattr(apps.get_app_config("admin"), "default_site", "")
    if type(apps.get_app_config("unfold")).__name__ == "DefaultAppConfig" and default not in (
        "",
        "django.contrib.admin.sites.AdminSite",
    ):
        problems.append(
            Error(
                f"'unfold' in INSTALLED_APPS puts a site of its own in place of '{default}'.",
                hint="Write 'unfold.apps.BasicAppConfig' in its place.",
                id="workflows_app.E008",
            )
        )
    try:
        reverse("admin:workflows_app_run_changelist")
    except NoReverseMatch:
        problems.append(
            Error(
                "No address leads to the console's pages.",
                hint="Add path('admin/', admin.site.urls) to the project's urls; for a site of your"
                " own, call workflows_app.admin.add_to(site) first.",
                id="workflows_app.E009",
            )
        )
    return problems
