"""After a worker died, or a handler hung: decide by the ledger, not by the phase (P1, P2, P3, P8).

| found | then |
|---|---|
| no mutation row | run crashed, reservations released, a new run from `prepare` is owed if the active version has its handler |
| mutation `in_flight` | unknown outcome: the same run is reconciled or blocks |
| its outcome is settled | run crashed; a new run from `next` with the same outcome is owed |

A retry is owed after a pause that grows with crashes in a row. After `crash_retries` of them the run
fails as `poison`, which waits for a person or new code: something in it ends workers. Reconciling and
blocked runs and owed retries need no recovery: their state is all there is.

To the circuit breaker of a consumer a death is one unknown outcome, however many of its calls were in
flight. That a worker died says nothing about the outside system: fifty calls that end with one worker must
not stop all others. But it says that no answer came, and answers that end workers, one after the other,
must not make unknown outcomes without end.
"""

from __future__ import annotations

import logging
from itertools import takewhile
from typing import Any

from workflows_app.engine import breakers, retry
from workflows_app.engine.answers import Finding, Verdict
from workflows_app.engine.case import Case
from workflows_app.engine.log import log
from workflows_app.engine.outcomes import Todo, record_evidence, write_unknown
from workflows_app.models import Evidence, Handler, Mutation, Run
from workflows_app.models.saving import save_with_history

LOST = "the worker ended before the outcome was recorded"
DIED = "its worker died"
#: A poll that hangs for days has thousands before it.
_POLLS_LOOKED_AT = 10
#: How a run ended whose worker died, as (status, kind of failure).
_DIED = ((Run.Status.CRASHED, ""), (Run.Status.FAILED, Run.FailureKind.POISON))


def was_in_flight(run: Run) -> bool:
    """Tell whether the outside call of `run` was under way when its worker died."""
    mutation = run.own_mutation
    return mutation is not None and mutation.status == Mutation.Status.IN_FLIGHT


def recover(case: Case, *, why: str = DIED, is_counted: bool = False) -> Todo:
    """Settle the run of a dead worker as far as the ledger allows. Needs the lock.

    `is_counted`: the circuit breaker of its consumer knows of this death already.
    """
    run = case.run
    log("run.recovered", run, level=logging.WARNING, lane=run.lane, phase=run.phase, why=why)
    if was_in_flight(run):
        if not is_counted:
            breakers.count_unknown(case)
        run.fencing_token = case.claim.token
        # Nobody knows when the call ended. By now it has.
        run.mutation.ended_at = case.now
        record_evidence(run.mutation, Evidence.Kind.EXECUTE, Finding(Verdict.UNKNOWN, LOST))
        case.touch()
        return write_unknown(case, LOST)
    is_poll = run.handler.kind == Handler.Kind.PRODUCER
    crashes = _polls_that_died(case) if is_poll else run.earlier_crashes
    is_poison = crashes >= case.policy.crash_retries
    keeps = retry.only_next_is_missing(run) or (took_over(run) and not is_poison)
    pause = None if is_poison else case.policy.retry_delay(crashes + 1)
    retry.end_attempt(case, keeps=keeps, pause=pause, reason=f"run {run.pk} ended: {why}")
    if is_poison:
        _fail_as_poison(case, f"{why}, {crashes + 1} times in a row", crashes=crashes + 1)
    else:
        run.crash()
        save_with_history(run, reason=why)
    return Todo.NOTHING


def _polls_that_died(case: Case) -> int:
    """Return how many of the failed polls of this code just before this one ended as it does, as far as it looks."""
    run = case.run
    looked_at = max(case.policy.crash_retries, _POLLS_LOOKED_AT)
    polls = Run.objects.filter(workflow_id=run.workflow_id, lane=run.lane, pk__lt=run.pk)
    before = polls.order_by("-pk").values_list("version", "status", "failure_kind")
    died = takewhile(
        lambda poll: poll[0] == run.version_id and poll[1:] in _DIED,
        before[: min(case.lane_view().failures, looked_at)],
    )
    return sum(1 for _ in died)


def took_over(run: Run) -> bool:
    """Tell whether `run` goes on with the prepare result of the run that it retries.

    A person asked for just that to be tried again: its retry does so too.
    """
    earlier = run.retry_of
    return earlier is not None and "" != earlier.idempotency_key == run.idempotency_key


def _fail_as_poison(case: Case, message: str, *, crashes: int) -> None:
    """Its events have ended several workers: they wait for a person or for new code."""
    run = case.run
    run.failure_phase = run.phase
    run.failure_message = message
    run.fail(Run.FailureKind.POISON.value)
    save_with_history(run, reason=f"run {run.pk} failed (poison): {message}")
    facts: dict[str, Any] = {"lane": run.lane, "kind": "poison", "crashes": crashes}
    if waits := retry.waits_for(run):
        facts["waits_for"] = waits
    log("run.failed", run, level=logging.ERROR, **facts)
