"""System checks: what is set up wrongly, with a stable id, the problem and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import connections
from django.db.utils import DatabaseError

from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.errors import SettingsError

HISTORY_MIDDLEWARE = "simple_history.middleware.HistoryRequestMiddleware"
_FLAGS = {
    "SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD": "reasons would be cut at 100 characters",
    "SIMPLE_HISTORY_REVERT_DISABLED": "staff could revert rows past the operations",
    "SIMPLE_HISTORY_ENFORCE_HISTORY_MODEL_PERMISSIONS": "history would be shown without permission",
}


@register(Tags.database)
def check_database(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **_: Any
) -> list[CheckMessage]:
    """E001: the database is not PostgreSQL. W001: a workflow in the code was never synced."""
    messages: list[CheckMessage] = []
    for alias in databases or []:
        if connections[alias].vendor != "postgresql":
            messages.append(
                Error(
                    f"Database '{alias}' is {connections[alias].vendor}, not PostgreSQL.",
                    hint="Set DATABASE_URL to a PostgreSQL server, or leave it out.",
                    id="workflows_app.E001",
                )
            )
        elif alias == "default":
            messages += _never_synced()
    return messages


def _never_synced() -> list[CheckMessage]:
    from workflows_app.models import Workflow

    try:
        synced = set(Workflow.objects.values_list("slug", flat=True))
    except DatabaseError:
        return []  # Not migrated yet; `migrate` runs this check too.
    return [
        Warning(
            f"Workflow '{workflow.slug}' is in the code, but was never synced: it does not run.",
            hint="Run `manage.py sync_workflows`.",
            id="workflows_app.W001",
        )
        for workflow in registry.all_workflows()
        if workflow.slug not in synced
    ]


@register()
def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E002: `WORKFLOWS` is wrong. E003: no history middleware. E004: history flags are off."""
    messages: list[CheckMessage] = []
    try:
        policy()
    except SettingsError as error:
        messages.append(
            Error(str(error), hint="Correct the WORKFLOWS setting.", id="workflows_app.E002")
        )
    if HISTORY_MIDDLEWARE not in settings.MIDDLEWARE:
        messages.append(
            Error(
                "The history middleware is missing: history would not know who made a request.",
                hint=f"Add '{HISTORY_MIDDLEWARE}' to MIDDLEWARE.",
                id="workflows_app.E003",
            )
        )
    for flag, consequence in _FLAGS.items():
        if getattr(settings, flag, False) is not True:
            messages.append(
                Error(
                    f"{flag} is off: {consequence}.",
                    hint=f"Set {flag} = True.",
                    id="workflows_app.E004",
                )
            )
    return messages


@register()
def check_mutators(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """I001: a mutator can't reconcile, so its unknown outcomes go to a person. W002: one that can does
    not say how long the outside system's search may lag.
    """
    mutators = {
        mutator.name: mutator
        for workflow in registry.all_workflows()
        for mutator in workflow.mutators
    }
    without = [name for name, mutator in mutators.items() if not mutator.can_reconcile()]
    silent = [
        name
        for name, mutator in mutators.items()
        if mutator.can_reconcile() and not mutator.says("absence_is_proof_after")
    ]
    messages: list[CheckMessage] = [
        Warning(
            f"Mutator '{name}' can reconcile and does not say absence_is_proof_after. That means 0: "
            f"what the outside system does not find at once did not happen, and is done again.",
            hint="Set it to how long the search there may lag; to timedelta(0) if it never does.",
            id="workflows_app.W002",
        )
        for name in sorted(silent)
    ]
    return messages + [
        Info(
            f"Mutator '{name}' has no reconcile: every unknown outcome of it blocks its lane "
            f"until a person settles it.",
            hint="Define reconcile() if the outside system can be asked.",
            id="workflows_app.I001",
        )
        for name in sorted(without)
    ]
