"""Skip: a person abandons an outside effect whose outcome nobody will learn."""

from __future__ import annotations

from typing import Any

from workflows_app.models import OperatorAction, Run
from workflows_app.operations.base import (
    Operation,
    deciding,
    events_held_by,
    locked_run,
    require_blocked,
)
from workflows_app.operations.seen import require_seen


def skip_run(run: Run, *, actor: Any, reason: str, seen: Any = None) -> OperatorAction:
    """Mark the mutation and the reserved events `skipped`; the run goes on to `next`.

    `seen`: see `operations.seen`. Refuses with `not_blocked`, `stale`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(
        Operation.SKIP_RUN, "skip_run", run.workflow_id, actor=actor, reason=reason
    ) as decision:
        run = locked_run(run)
        require_blocked(run)
        shown = require_seen(run, seen, actor=decision.actor)
        run.mutation.skip(now=decision.now)
        decision.save(run.mutation)
        for event in events_held_by(run):
            event.skip()
            decision.save(event, ["status", "reserved_by"])
        run.set_mutated()
        run.unblock()
        run.fencing_token = None
        decision.save(run, ["phase", "status", "fencing_token"])
        return decision.record(run=run, evidence_seen=shown)
