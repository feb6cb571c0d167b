"""Try again: a person lets the host ask the outside system once more, from the start."""

from __future__ import annotations

from typing import Any

from workflows_app import registry
from workflows_app.errors import OperationRefused
from workflows_app.models import OperatorAction, Run
from workflows_app.operations.base import Operation, deciding, locked_run, require_blocked
from workflows_app.operations.seen import require_seen


def try_again(run: Run, *, actor: Any, reason: str, seen: Any = None) -> OperatorAction:
    """Reset the attempts of a blocked run and reconcile now. Its reservations stay.

    `seen`: see `operations.seen`. Refuses with `not_blocked`, `stale`, `cannot_reconcile`, `permission_denied`, `reason_required`,
    `unknown_actor`.
    """
    with deciding(
        Operation.TRY_AGAIN, "try_again", run.workflow_id, actor=actor, reason=reason
    ) as decision:
        run = locked_run(run)
        require_blocked(run)
        shown = require_seen(run, seen, actor=decision.actor)
        mutation = run.mutation
        mutator = registry.mutator(decision.workflow.slug, mutation.mutator)
        if mutator is None or not mutator.can_reconcile():
            raise OperationRefused(
                "cannot_reconcile",
                f"The host can't find out by itself whether {mutation.mutator} happened. Check it"
                f" by hand, then choose “It happened”, “It didn't happen” or “Skip”.",
            )
        mutation.restart_reconcile(due_at=decision.now)
        decision.save(mutation)
        run.begin_reconciling()
        decision.save(run, ["status"])
        return decision.record(run=run, evidence_seen=shown)
