"""Pause: no new run starts; what has begun outside still gets settled."""

from __future__ import annotations

from typing import Any

from workflows_app.errors import OperationRefused
from workflows_app.models import OperatorAction, Workflow
from workflows_app.operations.base import Operation, deciding, last_decision


def pause_workflow(workflow: Workflow, *, actor: Any, reason: str) -> OperatorAction:
    """Pause an active workflow.

    Refuses with `already_paused`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(
        Operation.PAUSE_WORKFLOW, "pause_workflow", workflow.pk, actor=actor, reason=reason
    ) as decision:
        if decision.workflow.status == Workflow.Status.PAUSED:
            told = last_decision(
                OperatorAction.objects.filter(workflow=workflow, operation=Operation.PAUSE_WORKFLOW)
            )
            raise OperationRefused(
                "already_paused", f"Workflow {decision.workflow.slug} is paused already.{told}"
            )
        decision.workflow.pause()
        decision.save(decision.workflow, ["status"])
        return decision.record()
