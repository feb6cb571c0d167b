"""Run now: all producers of a workflow are due at once."""

from __future__ import annotations

from typing import Any

from workflows_app.errors import OperationRefused
from workflows_app.models import Handler, LaneState, OperatorAction, Workflow
from workflows_app.operations.base import Operation, deciding


def run_producers_now(workflow: Workflow, *, actor: Any, reason: str) -> OperatorAction:
    """Make all producers of an active workflow due now. One that polls just now is due by its schedule.

    Refuses with `already_paused`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(
        Operation.RUN_PRODUCERS_NOW, "run_producers", workflow.pk, actor=actor, reason=reason
    ) as decision:
        workflow = decision.workflow
        if workflow.status == Workflow.Status.PAUSED:
            raise OperationRefused(
                "already_paused", f"Workflow {workflow.slug} is paused. Resume it first."
            )
        producers = LaneState.objects.filter(
            handler__workflow=workflow,
            handler__kind=Handler.Kind.PRODUCER,
            handler__is_current=True,
        )
        producers.update(wake_at=decision.now)
        decision.save(workflow, ["status"])
        return decision.record()
