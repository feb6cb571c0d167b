"""Decide now: a person already knows what the host is still finding out (P3).

Nothing is settled by this, and nothing is sent: the run waits for a person from now on, who then says
what happened. The answer of a worker that is just asking comes too late: it is kept as evidence, and
shown to whoever decides, but changes nothing.
"""

from __future__ import annotations

from typing import Any

from workflows_app.errors import OperationRefused
from workflows_app.models import OperatorAction, Run
from workflows_app.operations.base import Operation, deciding, last_decision, locked_run
from workflows_app.operations.seen import require_seen


def decide_now(run: Run, *, actor: Any, reason: str, seen: Any = None) -> OperatorAction:
    """Stop the host from asking about a reconciling run, and block the run.

    `seen`: see `operations.seen`. Refuses with `not_reconciling`, `stale`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(
        Operation.DECIDE_NOW, "decide_now", run.workflow_id, actor=actor, reason=reason
    ) as decision:
        run = locked_run(run)
        _require_reconciling(run)
        shown = require_seen(run, seen, actor=decision.actor)
        run.mutation.give_up()
        decision.save(run.mutation)
        run.block()
        decision.save(run, ["status"])
        return decision.record(run=run, evidence_seen=shown)


def _require_reconciling(run: Run) -> None:
    if run.status != Run.Status.RECONCILING:
        told = last_decision(OperatorAction.objects.filter(run=run))
        raise OperationRefused(
            "not_reconciling",
            f"Run {run.pk} is not reconciling: it is {run.status}.{told}",
        )
