"""System checks: what is set up wrongly, with a stable id, the problem and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS
from django.db.utils import DatabaseError

from workflows_app import registry
from workflows_app.conf import OF_WORKFLOW, policy
from workflows_app.database import database_problems
from workflows_app.errors import SettingsError
from workflows_app.installation import is_complete
from workflows_app.sdk.mutators import Mutator
from workflows_app.secret_looking import undeclared


@register(Tags.database)
def check_database(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **_: Any
) -> list[CheckMessage]:
    """E001, E012 to E014: `workflows_app.database`. W001: a workflow in the code was never synced.

    Other databases of the project are none of this app's business.
    """
    if DEFAULT_DB_ALIAS not in (databases or []) or not is_complete():
        return []
    problems = database_problems()
    return problems or _never_synced()


def _never_synced() -> list[CheckMessage]:
    from workflows_app.models import Workflow

    try:
        retired = dict(Workflow.objects.values_list("slug", "retired_at"))
    except DatabaseError:
        return []  # Not migrated yet; `migrate` runs this check too.
    return [
        Warning(
            f"Workflow '{workflow.slug}' is in the code, but {why}: it does not run.",
            hint="Run `manage.py sync_workflows`.",
            id="workflows_app.W001",
        )
        for workflow in registry.all_workflows()
        if (why := _why_not(workflow.slug, retired))
    ]


def _why_not(slug: str, retired: dict[str, datetime | None]) -> str:
    if slug not in retired:
        return "was never synced"
    return "is retired" if retired[slug] is not None else ""


@register()
def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E002: `WORKFLOWS` is wrong."""
    messages: list[CheckMessage] = []
    try:
        policy()
    except SettingsError as error:
        messages.append(
            Error(str(error), hint="Correct the WORKFLOWS setting.", id="workflows_app.E002")
        )
    return messages


@register(deploy=True)
def check_unaskable(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """I001: a mutator can't reconcile, so its unknown outcomes go to a person.

    Nothing is wrong with that, so `check --deploy` tells it, and not each command.
    """
    without = {mutator.name for mutator in _mutators() if not mutator.can_reconcile()}
    return [
        Info(
            f"Mutator '{name}' has no reconcile: every unknown outcome of it blocks its lane "
            f"until a person settles it.",
            hint="Define reconcile() if the outside system can be asked.",
            id="workflows_app.I001",
        )
        for name in sorted(without)
    ]


@register()
def check_mutators(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W002: a mutator can reconcile, and does not say how long the outside system's search may lag."""
    silent = {
        mutator.name
        for mutator in _mutators()
        if mutator.can_reconcile() and not mutator.says("absence_is_proof_after")
    }
    return [
        Warning(
            f"Mutator '{name}' can reconcile and does not say absence_is_proof_after. That means 0: "
            f"what the outside system does not find at once did not happen, and is done again.",
            hint="Set it to how long the search there may lag; to timedelta(0) if it never does.",
            id="workflows_app.W002",
        )
        for name in sorted(silent)
    ]


@register()
def check_declared(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E023: a mutator is declared so that each call or lookup of it would fail."""
    wrong = {(mutator.name, why) for mutator in _mutators() for why in mutator.declared_wrongly()}
    return [
        Error(
            f"Mutator '{name}': {why}.",
            hint="Correct it in the class. An address that is known only at the call is returned by"
            " request_url() or request_lookup_url().",
            id="workflows_app.E023",
        )
        for name, why in sorted(wrong)
    ]


@register()
def check_policies(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W006: the policy of a mutator has what counts for all of its workflow."""
    unread = {(mutator.name, key) for mutator in _mutators() for key in mutator.policy or ()}
    return [
        Warning(
            f"Mutator '{name}': nobody reads '{key}' in its policy, since it counts for all of the workflow.",
            hint="Set it in the policy of the workflow.",
            id="workflows_app.W006",
        )
        for name, key in sorted(unread)
        if key in OF_WORKFLOW
    ]


def _mutators() -> set[type[Mutator]]:
    """Return the classes: two workflows may each have one of the same name."""
    return {mutator for workflow in registry.all_workflows() for mutator in workflow.mutators}


@register()
def check_secret_names(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W030: a name in the code of a workflow looks like that of a secret, and is not declared as one."""
    return [
        Warning(
            f"Workflow '{workflow.slug}' names '{name}', which looks secret: everybody who may see its"
            f" runs sees that value.",
            hint=f"Add '{name}' to secret_params of the mutator, or to secret_fields of the workflow. If"
            f" it is no secret, silence this check.",
            id="workflows_app.W030",
        )
        for workflow in registry.all_workflows()
        for name in undeclared(workflow)
    ]
