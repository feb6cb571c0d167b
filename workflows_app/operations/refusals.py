"""Why an operation does not apply to a row: the one rule, of which buttons, pages and the operation itself tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from workflows_app.errors import OperationRefused
from workflows_app.models import Event, OperatorAction, Run, Workflow
from workflows_app.queries.waiting import day_and_time


@dataclass(frozen=True)
class Refusal:
    """What stands in the way: a code for code, a sentence for people. Nothing is read for it."""

    code: str
    sentence: str
    #: Decisions that may have come first: of the newest the person is told.
    decided: QuerySet[OperatorAction] | None = None
    #: In a clause, for whoever looks for the button on the page; empty where nobody would.
    in_short: str = ""

    def error(self, person: Any) -> OperationRefused:
        """Return what the operation refuses `person` with. One query, if decisions may have come first."""
        told = last_decision(self.decided, person) if self.decided is not None else ""
        return OperationRefused(self.code, f"{self.sentence}{told}")


def retired(workflow: Workflow) -> Refusal:
    """Return why nothing that a worker would have to do is decided about a workflow that has ended."""
    sentence = _(
        "Workflow %(row)s is retired: manage.py sync_workflows brings it back when the code has it again."
    )
    decided = decided_before(workflow, OperatorAction.Operation.RETIRE_WORKFLOW)
    return Refusal("retired", sentence % {"row": workflow.slug}, decided)


def may_read_reasons(person: Any) -> bool:
    """Tell whether `person` may see why others decided: who decided what is told to all whom it stops."""
    return bool(person.has_perm("workflows_app.view_operatoraction"))


def last_decision(actions: QuerySet[OperatorAction], person: Any) -> str:
    """Return a sentence for `person` about the newest of `actions`, with a space before it, or nothing."""
    action = actions.order_by("-pk").first()
    if action is None:
        return ""
    if may_read_reasons(person):
        sentence = _("%(person)s decided “%(operation)s” on %(day)s at %(time)s: %(reason)s")
    else:
        sentence = _("%(person)s decided “%(operation)s” on %(day)s at %(time)s.")
    told = sentence % {
        "person": action.actor_name,
        "operation": action.get_operation_display(),
        "reason": action.reason,
        **day_and_time(action.created_at),
    }
    return f" {told}"


def decided_before(row: Any, operation: OperatorAction.Operation) -> QuerySet[OperatorAction]:
    """Return the decisions after which `operation` may not apply to `row` any more."""
    actions = OperatorAction.objects.exclude(operation__in=OperatorAction.REMARKS)
    if isinstance(row, Run):
        return actions.filter(run=row)
    if isinstance(row, Event):
        skips_run = Q(run__reservations__event=row, operation=OperatorAction.Operation.SKIP_RUN)
        return actions.filter(Q(event=row) | skips_run)
    if isinstance(row, Workflow):
        if operation == OperatorAction.Operation.RUN_PRODUCERS_NOW:
            operation = OperatorAction.Operation.PAUSE_WORKFLOW
        return actions.filter(workflow=row, operation=operation)
    # A decision does not say of which consumer; its breaker's history does.
    its_own = row.history.filter(
        history_user=OuterRef("actor"), history_change_reason=OuterRef("reason")
    )
    found = actions.filter(workflow=row.handler.workflow_id, operation=operation)
    return found.filter(Exists(its_own))
