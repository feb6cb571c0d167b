"""Ending an attempt, and making the next one (P1, P2).

An attempt that failed owes a retry. What the retry starts from depends on the ledger alone: after
an outside effect that was applied or skipped only `next` is left, and the events stay with it;
otherwise the events are released and `prepare` runs afresh, under a new idempotency key.
"""

from __future__ import annotations

import traceback
from datetime import datetime

from django.contrib.auth.models import User

from workflows_app.boundaries import Boundary, reached
from workflows_app.conf import Policy
from workflows_app.engine.claims import held
from workflows_app.engine.log import log
from workflows_app.engine.work import Work
from workflows_app.models import (
    Event,
    Handler,
    Mutation,
    Reservation,
    Run,
    Workflow,
    WorkflowVersion,
)
from workflows_app.models.saving import flush, save_with_history, storable
from workflows_app.outages import outage_of
from workflows_app.sdk.failures import TransientError

Kind = Run.FailureKind


def only_next_is_missing(run: Run) -> bool:
    """Tell whether the outside effect of `run` is settled, so that only `next` is left to do."""
    mutation = run.settled_mutation
    return mutation is not None and mutation.status in (
        Mutation.Status.APPLIED,
        Mutation.Status.SKIPPED,
    )


def kind_of(error: Exception) -> Run.FailureKind:
    """Return what an error of authors' code means. A database that is away is not the code's fault."""
    is_transient = isinstance(error, TransientError) or outage_of(error) is not None
    return Kind.TRANSIENT if is_transient else Kind.LOGIC


def has_handler(run: Run) -> bool:
    """Tell whether the active version has the handler of `run`. Needs the workflow's lock.

    The code in hand can't tell: a deploy may have overtaken the run.
    """
    return Handler.objects.filter(pk=run.handler_id, is_current=True).exists()


def release_events(run: Run, *, reason: str, actor: User | None = None) -> None:
    """Make the events that `run` holds pending again. Needs the workflow's lock."""
    for event in Event.objects.select_for_update(no_key=True).filter(reserved_by=run):
        event.release()
        save_with_history(event, reason=reason, actor=actor, fields=["status", "reserved_by"])


def fail(work: Work, kind: Kind, error: Exception, *, phase: str) -> None:
    """End the run as failed in `phase`. Opens a transaction and commits; raises Fenced."""
    run = work.run
    with held(work.claim):
        run.failure_traceback = _traceback(error)
        run.failure_phase = phase
        message = said_by(error) or type(error).__name__
        end_failed(run, kind, message, work=work, policy=work.policy)
    reached(Boundary.FAILED)


def end_failed(run: Run, kind: Kind, message: str, *, work: Work, policy: Policy) -> None:
    """End `run` as failed, release its events if nothing was done outside. Needs `held`.

    It owes a retry, unless nobody has a handler for it and nothing outside binds it. If new code has
    become active while the old code failed, the retry is due now.
    """
    now = work.clock()
    run.fail(kind.value)
    run.failure_message = storable(message)
    run.ended_at = now
    run.owes_retry = has_handler(run) or only_next_is_missing(run)
    retries_left = run.earlier_failures < policy.transient_retries
    if run.owes_retry and kind == Kind.TRANSIENT and retries_left:
        run.retry_due_at = now + policy.retry_delay(run.earlier_failures + 1)
    elif run.owes_retry and _has_newer_code(run):
        run.retry_due_at = now
    reason = f"run {run.pk} failed ({kind.value}): {message}"
    if not only_next_is_missing(run):
        release_events(run, reason=reason)
    save_with_history(run, reason=reason)
    log("run.failed", run, kind=kind.value, retry_due_at=run.retry_due_at)


def _has_newer_code(run: Run) -> bool:
    active = Workflow.objects.values_list("active_version_id", flat=True).get(pk=run.workflow_id)
    return active != run.version_id


def make_retry(
    run: Run,
    *,
    version: WorkflowVersion,
    reason: str,
    now: datetime,
    actor: User | None = None,
    token: int | None = None,
    same_prepare_result: bool = False,
    counts_as_failure: bool = False,
) -> Run:
    """Make the run that retries the ended `run`, and return it. Needs the workflow's lock.

    `same_prepare_result`: go on after `prepare`, with its result and idempotency key. The events
    that `run` holds are taken over without ever being pending. `token`: the claim that executes
    the retry; without one it waits for whoever claims the workflow.
    """
    next_only = only_next_is_missing(run)
    keeps = next_only or same_prepare_result
    phase = Run.Phase.MUTATED if next_only else Run.Phase.PREPARED
    retry = Run(
        workflow_id=run.workflow_id,
        handler_id=run.handler_id,
        version=version,
        phase=(phase if keeps else Run.Phase.PREPARING).value,
        title=run.title if keeps else "",
        prepare_result=run.prepare_result if keeps else None,
        idempotency_key=run.idempotency_key if keeps else "",
        retry_of=run,
        earlier_failures=run.earlier_failures + 1 if counts_as_failure else 0,
        carried_mutation=run.settled_mutation if next_only else None,
        fencing_token=token,
        started_at=now,
    )
    if run.owes_retry:
        run.owes_retry = False
        run.retry_due_at = None
        save_with_history(run, reason=reason, actor=actor, fields=["owes_retry", "retry_due_at"])
    save_with_history(retry, reason=reason, actor=actor)
    flush()
    if keeps:
        _take_over(run, retry, reason=reason, actor=actor)
    log("run.retried", retry, retry_of=run.pk)
    return retry


def _take_over(run: Run, retry: Run, *, reason: str, actor: User | None) -> None:
    reserved = run.reservations.order_by("id").values_list("event_id", flat=True)
    Reservation.objects.bulk_create([Reservation(run=retry, event_id=pk) for pk in reserved])
    for event in Event.objects.select_for_update(no_key=True).filter(reserved_by=run):
        event.hand_over(retry)
        save_with_history(event, reason=reason, actor=actor, fields=["status", "reserved_by"])


def said_by(error: BaseException) -> str:
    """Return the text of an error of authors' code, which may be unable to say it."""
    try:
        return str(error)
    except Exception:
        return "its text can't be read"


def _traceback(error: Exception) -> str:
    return storable("".join(traceback.format_exception(error)))
