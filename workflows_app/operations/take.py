"""Take: a person says that they look into a run, so that nobody else does the same."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows_app.models import OperatorAction, Run
from workflows_app.operations.base import deciding
from workflows_app.operations.declaration import Operation


def take(run: Run, *, actor: Any, reason: str = "") -> OperatorAction:
    """Write down that `actor` looks into `run`, at any time; also if another person does already.

    Nothing else changes, and nobody is kept from deciding. The next decision about the run ends it: see
    `queries.taking`. Refuses with `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(TAKE_RUN, run.workflow_id, actor=actor, reason=reason) as decision:
        return decision.record(run=run)


def _waits_for_somebody(run: Run) -> bool:
    waits = (Run.Status.BLOCKED, Run.Status.RECONCILING)
    if run.status in waits or (run.status == Run.Status.FAILED and run.owes_retry):
        return True
    # A late answer that says the opposite waits for somebody whatever has become of the run.
    effect = run.own_mutation
    return effect is not None and effect.evidence.filter(contradicts=True).exists()


TAKE_RUN = Operation(
    code=OperatorAction.Operation.TAKE_RUN,
    function=take,
    target=Run,
    is_of_use=_waits_for_somebody,
    change=None,
    icon="front_hand",
    hint=_("You look into it now: the others see that."),
    consequence=_(
        "The others see that you look into this. Nothing else changes, and everybody can still decide."
    ),
    done=_("the others see that you look into it."),
    reason_label=_("Anything to say?"),
    needs_reason=False,
)
