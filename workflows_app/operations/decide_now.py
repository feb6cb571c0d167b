"""Decide now: a person already knows what the host is still finding out (P3).

Nothing is settled by this, and nothing is sent: the run waits for a person from now on, who then says
what happened. The answer of a worker that is just asking comes too late: it is kept as evidence, and
shown to whoever decides, but changes nothing.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows_app.models import Mutation, OperatorAction, Run
from workflows_app.operations.base import deciding
from workflows_app.operations.declaration import Change, Operation


def decide_now(run: Run, *, actor: Any, reason: str, seen: Any = None) -> OperatorAction:
    """Stop the host from asking about a reconciling run, and block the run.

    `seen`: see `operations.seen`. Refuses with `not_reconciling`, `stale`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(DECIDE_NOW, run.workflow_id, actor=actor, reason=reason) as decision:
        run, shown = decision.run_as_seen(run, seen)
        run.mutation.give_up()
        decision.save(run.mutation)
        run.block()
        decision.save(run, ["status"])
        return decision.record(run=run, evidence_seen=shown)


DECIDE_NOW = Operation(
    code=OperatorAction.Operation.DECIDE_NOW,
    function=decide_now,
    target=Run,
    refuses=("not_reconciling", _("Run %(row)s is not reconciling: it is %(status)s.")),
    change=Change(
        (Run.Status.RECONCILING,), Run.Status.BLOCKED, effect=Mutation.Status.INDETERMINATE
    ),
    icon="pan_tool",
    offered_reasons=lambda run: [_("I know already what happened.")],
    hint=_("If you know what happened, or won't wait. The outside system is asked no more."),
    consequence=_(
        "The outside system is asked no more, and the run waits for you: then say that it happened, that it didn't, or"
        " skip it. By this alone nothing is settled, and nothing is sent."
    ),
    done=_("the outside system is asked no more. Say now what happened."),
    carries_seen=True,
)
