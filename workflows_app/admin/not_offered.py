"""Why a decision is not offered on the page of a run: nobody shall look for a button that can't be there."""

from __future__ import annotations

from typing import Any

from workflows_app.admin.way_out import SKIP_EVENTS
from workflows_app.deciders import groups_for, may_decide_about
from workflows_app.models import OperatorAction, Run
from workflows_app.queries.explanation import Explanation

Operation = OperatorAction.Operation

_SETTLES = (
    Operation.TRY_AGAIN.label,
    Operation.IT_HAPPENED.label,
    Operation.IT_DIDNT_HAPPEN.label,
    Operation.SKIP_RUN.label,
)


def not_offered(explanation: Explanation, person: Any, offered: set[str]) -> list[tuple[str, str]]:
    """Return the decisions that belong to the state of the run and are not in `offered`, each with why not."""
    run = explanation.run
    labels: tuple[str, ...]
    if run.status == Run.Status.BLOCKED:
        labels, why = _SETTLES, _why_not_settled
    elif run.status == Run.Status.RECONCILING:
        labels, why = (Operation.DECIDE_NOW.label, *_SETTLES[1:]), _why_not_yet
    elif run.status == Run.Status.FAILED and run.owes_retry:
        labels, why = (Operation.RETRY_FAILED_RUN.label, SKIP_EVENTS.label), _why_no_way_out
    else:
        return []
    missing = [label for label in labels if label not in offered]
    if missing and not may_decide_about(person, run.workflow.slug):
        groups = " or ".join(f"“{group}”" for group in groups_for(run.workflow.slug))
        return [(", ".join(missing), f"members of {groups} decide about this workflow")]
    return [(label, why(label, explanation)) for label in missing]


_NO_PERMISSION = "you don't have the permission for it"


def _why_not_settled(label: str, explanation: Explanation) -> str:
    if label == Operation.TRY_AGAIN.label and explanation.lacks_code:
        return "the code that could ask the outside system is not part of this console"
    if label == Operation.TRY_AGAIN.label and not explanation.can_reconcile:
        return "this mutator can't ask the outside system, so only a person can look"
    return _NO_PERMISSION


def _why_not_yet(label: str, explanation: Explanation) -> str:
    if label == Operation.DECIDE_NOW.label:
        return _NO_PERMISSION
    return f"the host is still asking; with {Operation.DECIDE_NOW.label} it stops, and you decide"


def _why_no_way_out(label: str, explanation: Explanation) -> str:
    effect = explanation.mutation
    if (
        label == SKIP_EVENTS.label
        and effect is not None
        and effect.status in ("applied", "skipped")
    ):
        return "its outside effect is settled; only what follows from it is missing"
    if label == SKIP_EVENTS.label and not (explanation.reserved or explanation.suspects):
        return "it is about no pending event"
    return _NO_PERMISSION
