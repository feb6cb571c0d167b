"""Try again: a person lets the host ask the outside system once more, from the start."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app import registry
from workflows_app.models import Mutation, OperatorAction, Run
from workflows_app.operations.base import deciding
from workflows_app.operations.declaration import NOT_BLOCKED, Change, Operation
from workflows_app.operations.refusals import Refusal


def try_again(run: Run, *, actor: Any, reason: str, seen: Any = None) -> OperatorAction:
    """Reset the attempts of a blocked run and reconcile now. Its reservations stay.

    `seen`: see `operations.seen`. Refuses with `not_blocked`, `stale`, `cannot_reconcile`, `permission_denied`, `reason_required`,
    `unknown_actor`.
    """
    with deciding(TRY_AGAIN, run.workflow_id, actor=actor, reason=reason) as decision:
        run, shown = decision.run_as_seen(run, seen)
        run.mutation.restart_reconcile(due_at=decision.now)
        decision.save(run.mutation)
        run.begin_reconciling()
        decision.save(run, ["status"])
        return decision.record(run=run, evidence_seen=shown)


def _cannot_reconcile(run: Run) -> Refusal | None:
    if run.status != Run.Status.BLOCKED:
        return None
    mutator = registry.mutator(run.workflow.slug, run.mutation.mutator)
    if mutator is not None and mutator.can_reconcile():
        return None
    return Refusal(
        "cannot_reconcile",
        _(
            "Nobody but a person can find out whether %(mutator)s happened. Check it by hand, then choose"
            " “It happened”, “It didn't happen” or “Skip”."
        )
        % {"mutator": run.mutation.mutator},
        in_short=_("the code that could ask the outside system is not part of this console")
        if mutator is None
        else _("this outside system can't be asked, so only a person can look"),
    )


TRY_AGAIN = Operation(
    code=OperatorAction.Operation.TRY_AGAIN,
    function=try_again,
    target=Run,
    refuses=NOT_BLOCKED,
    other_refusal=_cannot_reconcile,
    change=Change(
        (Run.Status.BLOCKED,), Run.Status.RECONCILING, effect=Mutation.Status.NEEDS_RECONCILE
    ),
    icon="sync",
    hint=gettext_lazy("If you can't look now. The outside system is asked again, several times."),
    offered_reasons=lambda run: [_("The outside system may answer now.")],
    consequence=gettext_lazy(
        "The outside system is asked again whether it happened. Nothing is sent a second time. Use it"
        " when the outside system was away and may answer now."
    ),
    done=gettext_lazy("the outside system is asked now."),
    carries_seen=True,
)
