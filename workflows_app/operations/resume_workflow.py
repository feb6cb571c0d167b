"""Resume: new runs may start again. It never unblocks anything."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows_app.models import OperatorAction, Workflow
from workflows_app.operations.base import deciding
from workflows_app.operations.declaration import Change, Operation


def resume_workflow(workflow: Workflow, *, actor: Any, reason: str) -> OperatorAction:
    """Make a paused workflow active.

    Refuses with `not_paused`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(RESUME_WORKFLOW, workflow.pk, actor=actor, reason=reason) as decision:
        RESUME_WORKFLOW.require(decision.workflow, decision.actor)
        decision.workflow.resume()
        decision.save(decision.workflow, ["status"])
        return decision.record()


RESUME_WORKFLOW = Operation(
    code=OperatorAction.Operation.RESUME_WORKFLOW,
    function=resume_workflow,
    target=Workflow,
    refuses=("not_paused", _("Workflow %(row)s is not paused.")),
    change=Change((Workflow.Status.PAUSED,), Workflow.Status.ACTIVE),
    icon="play_arrow",
    weight="primary",
    hint=_("New runs may start again."),
    consequence=_("New runs may start again. What is blocked stays blocked."),
    done=_("runs start again."),
)
