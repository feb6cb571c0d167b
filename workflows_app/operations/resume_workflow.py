"""Resume: new runs may start again. It never unblocks anything."""

from __future__ import annotations

from typing import Any

from workflows_app.errors import OperationRefused
from workflows_app.models import OperatorAction, Workflow
from workflows_app.operations.base import Operation, deciding, last_decision


def resume_workflow(workflow: Workflow, *, actor: Any, reason: str) -> OperatorAction:
    """Make a paused workflow active.

    Refuses with `not_paused`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(
        Operation.RESUME_WORKFLOW, "pause_workflow", workflow.pk, actor=actor, reason=reason
    ) as decision:
        if decision.workflow.status != Workflow.Status.PAUSED:
            told = last_decision(
                OperatorAction.objects.filter(
                    workflow=workflow, operation=Operation.RESUME_WORKFLOW
                )
            )
            raise OperationRefused(
                "not_paused", f"Workflow {decision.workflow.slug} is not paused.{told}"
            )
        decision.workflow.resume()
        decision.save(decision.workflow, ["status"])
        return decision.record()
