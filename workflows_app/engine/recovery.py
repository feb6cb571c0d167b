"""After a worker died: decide by the ledger, not by the phase (P1, P2, P3).

| found | then |
|---|---|
| no mutation row | run crashed, reservations released, a new run from `prepare` is owed if the active version has its handler |
| mutation `in_flight` | unknown outcome: the same run is reconciled or blocks |
| `applied`, `skipped` | run crashed; a new run from `next` with the same outcome |

Reconciling and blocked runs and owed retries need no recovery: their state is all there is.
"""

from __future__ import annotations

import logging
from datetime import datetime

from workflows_app.engine import ledger, retry
from workflows_app.engine.ledger import Finding, Verdict
from workflows_app.engine.log import log
from workflows_app.engine.work import Work
from workflows_app.models import Evidence, Mutation, Run, WorkflowVersion
from workflows_app.models.saving import save_with_history

LOST = "the worker ended before the outcome was recorded"


def recover(work: Work) -> Run | None:
    """Settle the run of a dead worker as far as the ledger allows. Needs the transaction of `held`.

    Returns the new run, if there is one to go on with.
    """
    run = work.run
    mutation: Mutation | None = getattr(run, "mutation", None)
    log("run.recovered", run, level=logging.WARNING, phase=run.phase)
    if mutation is not None and mutation.status == Mutation.Status.IN_FLIGHT:
        run.fencing_token = work.claim.token
        nothing_came_back = Finding(Verdict.UNKNOWN, LOST)
        ledger.record_evidence(mutation, Evidence.Kind.EXECUTE, nothing_came_back)
        ledger.write_unknown(work, mutation, work.code.mutator_named(mutation.mutator), LOST)
        return None
    now = work.clock()
    version = run.workflow.active_version
    assert version is not None
    if retry.only_next_is_missing(run):
        _crash(run, now)
        return retry.make_retry(
            run,
            version=version,
            reason=f"the worker of run {run.pk} died; only next is missing",
            now=now,
            token=work.claim.token,
        )
    if _took_over_its_prepare_result(run):
        _again_from_the_same_prepare_result(run, version, now)
        return None
    if retry.has_handler(run):
        run.owes_retry = True
        run.retry_due_at = now
    retry.release_events(run, reason=f"the worker of run {run.pk} died before it did anything")
    _crash(run, now)
    return None


def _took_over_its_prepare_result(run: Run) -> bool:
    earlier = run.retry_of
    return earlier is not None and "" != earlier.idempotency_key == run.idempotency_key


def _again_from_the_same_prepare_result(run: Run, version: WorkflowVersion, now: datetime) -> None:
    """Nothing was sent, but a person asked for just this prepare result to be tried again.

    The planner says when: not while the workflow is paused, since nothing has begun outside.
    """
    _crash(run, now)
    retry.make_retry(
        run,
        version=version,
        reason=f"the worker of run {run.pk} died before it sent anything",
        now=now,
        same_prepare_result=True,
    )


def _crash(run: Run, now: datetime) -> None:
    run.crash()
    run.ended_at = now
    save_with_history(run, reason="its worker died")
