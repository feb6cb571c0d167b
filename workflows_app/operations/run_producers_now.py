"""Run now: all producers of a workflow are due at once."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows_app.models import Handler, LaneState, OperatorAction, Workflow
from workflows_app.operations.base import deciding
from workflows_app.operations.declaration import Change, Operation


def run_producers_now(workflow: Workflow, *, actor: Any, reason: str) -> OperatorAction:
    """Make all producers of an active workflow due now. One that polls just now is due by its schedule.

    Refuses with `already_paused`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(RUN_PRODUCERS_NOW, workflow.pk, actor=actor, reason=reason) as decision:
        workflow = decision.workflow
        RUN_PRODUCERS_NOW.require(workflow, decision.actor)
        producers = LaneState.objects.filter(
            handler__workflow=workflow,
            handler__kind=Handler.Kind.PRODUCER,
            handler__is_current=True,
        )
        producers.update(wake_at=decision.now)
        decision.save(workflow, ["status"])
        return decision.record()


def _has_producers(workflow: Workflow) -> bool:
    return workflow.handlers.filter(kind=Handler.Kind.PRODUCER, is_current=True).exists()


RUN_PRODUCERS_NOW = Operation(
    code=OperatorAction.Operation.RUN_PRODUCERS_NOW,
    function=run_producers_now,
    target=Workflow,
    refuses=("already_paused", _("Workflow %(row)s is paused. Resume it first.")),
    is_of_use=_has_producers,
    change=Change((Workflow.Status.ACTIVE,), Workflow.Status.ACTIVE),
    icon="bolt",
    hint=_("The producers look for new work at once."),
    consequence=_(
        "All producers of this workflow look for new work now, whatever their schedule says."
    ),
    done=_("all producers are due."),
)
