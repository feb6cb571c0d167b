"""Pause: no new run starts; what has begun outside still gets settled."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows_app.models import OperatorAction, Workflow
from workflows_app.operations.base import deciding
from workflows_app.operations.declaration import Change, Operation


def pause_workflow(workflow: Workflow, *, actor: Any, reason: str) -> OperatorAction:
    """Pause an active workflow.

    Refuses with `already_paused`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(PAUSE_WORKFLOW, workflow.pk, actor=actor, reason=reason) as decision:
        PAUSE_WORKFLOW.require(decision.workflow, decision.actor)
        decision.workflow.pause()
        decision.save(decision.workflow, ["status"])
        return decision.record()


PAUSE_WORKFLOW = Operation(
    code=OperatorAction.Operation.PAUSE_WORKFLOW,
    function=pause_workflow,
    target=Workflow,
    refuses=("already_paused", _("Workflow %(row)s is paused already.")),
    change=Change((Workflow.Status.ACTIVE,), Workflow.Status.PAUSED),
    icon="pause",
    weight="warning",
    hint=_("No new run shall start."),
    consequence=_(
        "No new run of this workflow starts until somebody resumes it. What has begun outside is still"
        " settled."
    ),
    done=_("no new run will start."),
)
