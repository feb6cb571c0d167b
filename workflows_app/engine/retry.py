"""Ending an attempt, and making the next one (P1, P2).

An attempt that failed owes a retry. What the retry starts from depends on the ledger alone: after an
outside effect that is settled only `next` is left, and the events stay with it; otherwise the events
are released and `prepare` runs afresh, under a new idempotency key.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from workflows_app.engine.case import Case
from workflows_app.engine.lanes import Note
from workflows_app.engine.log import log
from workflows_app.models import Event, Handler, Mutation, Reservation, Run, WorkflowVersion
from workflows_app.models.collecting import flush
from workflows_app.models.saving import insert_all, save_with_history, storable
from workflows_app.sdk.handlers import Producer
from workflows_app.sdk.schedules import due_after_if_known

Kind = Run.FailureKind

_SETTLED = (Mutation.Status.APPLIED, Mutation.Status.SKIPPED)
_AFTER_MUTATE = (Run.Phase.MUTATED, Run.Phase.EMITTING)
#: `only_next_is_missing` in SQL, of a run whose settled mutation has the status `{status}`.
ONLY_NEXT_IS_MISSING = (
    "({status} IN ('applied', 'skipped')"
    " OR ({status} = 'failed' AND run.phase IN ('mutated', 'emitting')))"
)


def only_next_is_missing(run: Run) -> bool:
    """Tell whether the outside effect of `run` is settled, so that only `next` is left to do.

    A sure no is, if the consumer handles it: only then has the run come past `mutate`.
    """
    mutation = run.settled_mutation
    if mutation is None:
        return False
    is_handled_no = mutation.status == Mutation.Status.FAILED and run.phase in _AFTER_MUTATE
    return mutation.status in _SETTLED or is_handled_no


def can_be_given_up(run: Run) -> bool:
    """Tell whether `run` owes a retry that ends if what it is about is skipped: people are offered that for its pending events."""
    is_owed = run.status == Run.Status.FAILED and run.owes_retry
    return is_owed and not only_next_is_missing(run)


def end_failed(
    case: Case,
    kind: Kind,
    message: str,
    *,
    phase: str,
    where: str = "",
    policy: Any = None,
) -> None:
    """End the run as failed, and release its events if nothing was done outside. Needs the lock."""
    run = case.run
    policy = policy or case.policy
    if phase == Run.Phase.EMITTING:
        run.set_emitting()
    run.failure_phase = phase
    run.failure_message = storable(message)
    run.failure_traceback = storable(where)
    run.fail(kind.value)
    retries_left = run.earlier_failures < policy.transient_retries
    is_tried_again = kind == Kind.TRANSIENT and retries_left
    pause = policy.retry_delay(run.earlier_failures + 1) if is_tried_again else None
    reason = f"run {run.pk} failed ({kind.value}): {run.failure_message}"
    end_attempt(case, keeps=only_next_is_missing(run), pause=pause, reason=reason)
    save_with_history(run, reason=reason)
    _tell(case, kind)


def end_attempt(case: Case, *, keeps: bool, pause: timedelta | None, reason: str) -> None:
    """Let an attempt be over, and say when the next one is due. Needs the lock, and the run saved afterwards.

    It owes a retry, unless nobody has a handler for it and it `keeps` nothing, or it is a producer's: a poll
    has done nothing, and is due again by itself. The retry comes after `pause`. Without one it waits for a
    person or new code; if that has become active while the old code ran, it is due now. Unless it `keeps` its
    events they are released.
    """
    run = case.run
    run.ended_at = case.now
    if run.handler.kind == Handler.Kind.PRODUCER:
        _poll_again(case)
    else:
        run.owes_retry = keeps or case.has_handler()
    if run.owes_retry and pause is not None:
        run.retry_due_at = case.now + pause
    elif run.owes_retry and case.has_newer_code:
        run.retry_due_at = case.now
    if not keeps:
        for event in case.events:
            event.release()
            save_with_history(event, reason=reason, fields=["status", "reserved_by"])
    case.touch()


def _poll_again(case: Case) -> None:
    """Let a producer whose poll failed be due after backoff, but not later than its schedule says."""
    lane, handler = case.lane_view(), case.code.handler_named(case.run.handler.name)
    failures = lane.failures + 1
    wake_at = case.now + case.policy.retry_delay(failures)
    if handler is not None and issubclass(handler, Producer):
        scheduled_at = due_after_if_known(case.code.schedule_of(handler), case.now)
        wake_at = min(wake_at, scheduled_at or wake_at)
    note = Note(case.run.handler_id, case.run.lane, lane.state, wake_at, None, failures)
    case.changes.notes.append(note)


def _tell(case: Case, kind: Kind) -> None:
    run, waits = case.run, waits_for(case.run)
    due = f"{run.retry_due_at:%Y-%m-%dT%H:%M:%S%z}" if run.retry_due_at else None
    facts: dict[str, Any] = {"lane": run.lane, "kind": kind.value, "retry_due_at": due}
    if waits:
        facts["waits_for"] = waits
    fails_each_time = run.handler.kind == Handler.Kind.PRODUCER and kind == Kind.LOGIC
    level = logging.WARNING if fails_each_time else logging.INFO
    log("run.failed", run, level=logging.ERROR if waits else level, **facts)


def waits_for(run: Run) -> str:
    """Return, for the log, what `run`, which has failed, waits for; nothing if it is tried again by itself, or not at all."""
    if not run.owes_retry or run.retry_due_at is not None:
        return ""
    skips = "Skip event, " if can_be_given_up(run) else ""
    return f"Retry now, {skips}or a new version"


def owe_nothing(run: Run, *, reason: str, actor: Any) -> None:
    """Write that the ended `run` owes no retry any more. Needs the workflow's lock."""
    run.owes_retry = False
    run.retry_due_at = None
    save_with_history(run, reason=reason, actor=actor, fields=["owes_retry", "retry_due_at"])


def make_retry(
    run: Run,
    events: Iterable[Event],
    *,
    version: WorkflowVersion,
    reason: str,
    now: datetime,
    actor: Any = None,
    token: int | None = None,
    same_prepare_result: bool = False,
    failures: int = 0,
    crashes: int = 0,
) -> Run:
    """Make the run that retries the ended `run`, and return it. Needs the workflow's lock.

    `events`: those that `run` holds, which are taken over without ever being pending.
    `same_prepare_result`: go on after `prepare`, with its result and idempotency key. `token`: the
    claim that executes the retry; without one it waits for whoever holds the workflow. `failures` and
    `crashes`: how many there were in a row before it.
    """
    next_only = only_next_is_missing(run)
    keeps = next_only or same_prepare_result
    phase = Run.Phase.MUTATED if next_only else Run.Phase.PREPARED
    retry = Run.begun(
        workflow_id=run.workflow_id,
        handler_id=run.handler_id,
        lane=run.lane,
        version=version,
        phase=(phase if keeps else Run.Phase.PREPARING).value,
        title=run.title if keeps else "",
        prepare_result=run.prepare_result if keeps else None,
        idempotency_key=run.idempotency_key if keeps else "",
        retry_of=run,
        earlier_failures=failures,
        earlier_crashes=crashes,
        carried_mutation=run.settled_mutation if next_only else None,
        fencing_token=token,
        started_at=now,
    )
    if run.owes_retry:
        owe_nothing(run, reason=reason, actor=actor)
    save_with_history(retry, reason=reason, actor=actor)
    flush()
    if keeps:
        _take_over(run, retry, events, reason=reason, actor=actor)
    log("run.retried", retry, retry_of=run.pk)
    return retry


def _take_over(run: Run, retry: Run, events: Iterable[Event], *, reason: str, actor: Any) -> None:
    reserved = run.reservations.order_by("id").values_list("event_id", flat=True)
    insert_all([Reservation(run=retry, event_id=pk) for pk in reserved])
    for event in events:
        event.hand_over(retry)
        save_with_history(event, reason=reason, actor=actor, fields=["status", "reserved_by"])


def counts_of(run: Run, version: WorkflowVersion) -> dict[str, int]:
    """Return how many failures and crashes in a row come before the retry of the ended `run` by `version`.

    Other code counts from the start, and so does what failed as poison: it is retried for a reason.
    """
    if run.version_id != version.pk:
        return {"failures": 0, "crashes": 0}
    if run.status == Run.Status.CRASHED:
        return {"failures": run.earlier_failures, "crashes": run.earlier_crashes + 1}
    is_transient = run.failure_kind == Kind.TRANSIENT
    return {"failures": run.earlier_failures + 1 if is_transient else 0, "crashes": 0}
