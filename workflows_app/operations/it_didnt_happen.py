"""It didn't happen: a person asserts that the outside effect was not made; it is made again (P1).

This is the one way in which an effect may be sent a second time. The retry carries the same
prepare result and the same idempotency key, so that an outside system that honours keys saves a
mistaken person.
"""

from __future__ import annotations

from typing import Any

from workflows_app.engine.retry import make_retry
from workflows_app.models import Mutation, OperatorAction, Run
from workflows_app.operations.base import (
    Operation,
    deciding,
    events_held_by,
    locked_run,
    require_blocked,
)


def it_didnt_happen(run: Run, *, actor: Any, reason: str) -> OperatorAction:
    """Mark the mutation `failed`, end the run, and make a new one that calls again.

    The new run takes over the events without their ever being pending; `prepare` is not called.
    Refuses with `not_blocked`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(
        Operation.IT_DIDNT_HAPPEN,
        "assert_not_happened",
        run.workflow_id,
        actor=actor,
        reason=reason,
    ) as decision:
        run = locked_run(run)
        require_blocked(run)
        run.mutation.set_failed(by=Mutation.ResolvedBy.OPERATOR.value, now=decision.now)
        decision.save(run.mutation)
        run.failure_phase = run.phase
        run.failure_message = f"{decision.actor} asserted that it did not happen: {decision.reason}"
        run.ended_at = decision.now
        run.fail(Run.FailureKind.TRANSIENT.value)
        decision.save(run)
        version = decision.workflow.active_version
        assert version is not None, "a workflow with runs has a version"
        make_retry(
            run,
            events_held_by(run),
            version=version,
            reason=decision.reason,
            actor=decision.actor,
            now=decision.now,
            same_prepare_result=True,
        )
        return decision.record(run=run)
