"""Run now: all producers of a workflow are due at once."""

from __future__ import annotations

from typing import Any

from workflows_app.errors import OperationRefused
from workflows_app.models import Handler, OperatorAction, Run, Workflow
from workflows_app.operations.base import Operation, deciding


def run_producers_now(workflow: Workflow, *, actor: Any, reason: str) -> OperatorAction:
    """Make all producers of an active workflow without an open run due now.

    Refuses with `already_paused`, `run_open`, `permission_denied`, `reason_required`,
    `unknown_actor`.
    """
    with deciding(
        Operation.RUN_PRODUCERS_NOW, "run_producers", workflow.pk, actor=actor, reason=reason
    ) as decision:
        workflow = decision.workflow
        if workflow.status == Workflow.Status.PAUSED:
            raise OperationRefused(
                "already_paused", f"Workflow {workflow.slug} is paused. Resume it first."
            )
        open_run = Run.objects.filter(workflow=workflow, status__in=Run.OPEN).first()
        if open_run is not None:
            raise OperationRefused(
                "run_open",
                f"Run {open_run.pk} of workflow {workflow.slug} is still"
                f" {open_run.status}. Producers run when it is done.",
            )
        Handler.objects.filter(
            workflow=workflow, kind=Handler.Kind.PRODUCER, is_current=True
        ).update(wake_at=decision.now)
        decision.save(workflow, ["status"])
        return decision.record()
