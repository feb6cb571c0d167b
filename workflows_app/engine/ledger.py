"""Reading answers, and writing them into the ledger (P1, P3, P4).

`read_execute` and `read_reconcile` turn whatever came back into a `Finding`; only `NotApplied` and
a reconciliation say "it did not happen". The settling functions write the finding, the evidence
and the run's new state in one durable transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from workflows_app.conf import Policy, policy
from workflows_app.engine import retry
from workflows_app.engine.calls import Answer
from workflows_app.engine.claims import (
    held,
    held_from_first_write,
    lock_workflow,
    still_in_flight,
)
from workflows_app.engine.log import log
from workflows_app.engine.outlasting import outlast
from workflows_app.engine.work import Work
from workflows_app.errors import Fenced, RunForgotten, WorkflowsError
from workflows_app.models import Evidence, Mutation
from workflows_app.models.saving import insert, save_with_history, storable
from workflows_app.sdk.failures import NotApplied
from workflows_app.sdk.json_values import json_value
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.values import Reconciliation

Verdict = Evidence.Verdict
DETAIL_LENGTH = 2000


@dataclass(frozen=True)
class Finding:
    """What one answer says about the outside effect."""

    verdict: Verdict
    detail: str = ""
    result: Any = None
    retryable: bool = True
    duration_ms: int = 0


def read_execute(answer: Answer, policy: Policy) -> Finding:
    """Return what the answer of `execute` says."""
    if isinstance(answer.error, NotApplied):
        return Finding(
            Verdict.NOT_APPLIED,
            answer.error.reason or "the mutator is sure that it did not happen",
            retryable=answer.error.retryable,
            duration_ms=answer.duration_ms,
        )
    if answer.timed_out or answer.error is not None:
        return _unknown(answer, policy)
    return _applied(answer.value, answer, policy)


def read_reconcile(answer: Answer, policy: Policy) -> Finding:
    """Return what the answer of `reconcile` says."""
    if answer.timed_out or answer.error is not None:
        return _unknown(answer, policy)
    found = answer.value
    if not isinstance(found, Reconciliation):
        detail = f"reconcile returned {type(found).__name__}, no Reconciliation"
        return Finding(Verdict.UNKNOWN, detail, duration_ms=answer.duration_ms)
    if found.verdict == "applied":
        return _applied(found.result, answer, policy)
    verdict = Verdict.NOT_APPLIED if found.verdict == "not_applied" else Verdict.UNKNOWN
    return Finding(verdict, str(found.why), duration_ms=answer.duration_ms)


def _applied(result: Any, answer: Answer, policy: Policy) -> Finding:
    try:
        clean = json_value(result, field="result", limit_bytes=policy.json_max_bytes)
    except WorkflowsError as error:
        return Finding(Verdict.UNKNOWN, str(error), duration_ms=answer.duration_ms)
    return Finding(Verdict.APPLIED, result=clean, duration_ms=answer.duration_ms)


def _unknown(answer: Answer, policy: Policy) -> Finding:
    if answer.timed_out:
        detail = f"no answer within {policy.call_timeout_seconds:g} s"
    else:
        assert answer.error is not None, "a call gives a value, an error, or no answer in time"
        detail = f"{type(answer.error).__name__}: {retry.said_by(answer.error)}"
    return Finding(Verdict.UNKNOWN, detail, duration_ms=answer.duration_ms)


def record_evidence(
    mutation: Mutation,
    kind: Evidence.Kind,
    finding: Finding,
    *,
    attempt: int = 1,
    contradicts: bool = False,
) -> None:
    """Keep what a call told. Needs an open transaction."""
    insert(
        Evidence(
            mutation=mutation,
            kind=kind.value,
            verdict=finding.verdict.value,
            detail=storable(finding.detail)[:DETAIL_LENGTH],
            duration_ms=finding.duration_ms,
            attempt=attempt,
            contradicts=contradicts,
        )
    )


def settle_execute(work: Work, mutator: type[Mutator], finding: Finding, again: bool) -> bool:
    """Write what the call's answer says. Commits; raises Fenced.

    `again`: unless it was written the first time. Returns True when the run goes on to `next` now.
    """
    if finding.verdict == Verdict.APPLIED and not again:
        # Nothing has to be read: all of it is one round trip.
        in_flight = still_in_flight(work.claim, work.run.mutation.pk)
        with held_from_first_write(work.claim, in_flight):
            _write_answer(work, mutator, finding)
        return True
    with held(work.claim):
        if again and _reread(work).status != Mutation.Status.IN_FLIGHT:
            return bool(work.run.mutation.status == Mutation.Status.APPLIED)
        _write_answer(work, mutator, finding)
    return finding.verdict == Verdict.APPLIED


def _write_answer(work: Work, mutator: type[Mutator], finding: Finding) -> None:
    mutation = work.run.mutation
    record_evidence(mutation, Evidence.Kind.EXECUTE, finding)
    if finding.verdict == Verdict.APPLIED:
        write_applied(work, mutation, finding, by=Mutation.ResolvedBy.RESPONSE)
    elif finding.verdict == Verdict.NOT_APPLIED:
        write_not_applied(work, mutation, finding, by=Mutation.ResolvedBy.RESPONSE)
    else:
        write_unknown(work, mutation, mutator, finding.detail)


def _reread(work: Work) -> Mutation:
    """Return the run's mutation as it is stored. Raises RunForgotten, also if only that is gone."""
    key = work.run.mutation.idempotency_key
    mutation: Mutation | None = getattr(work.reread(), "mutation", None)
    if mutation is None or mutation.idempotency_key != key:
        raise RunForgotten(work.claim.workflow_id, work.run.pk)
    return mutation


def write_applied(
    work: Work, mutation: Mutation, finding: Finding, *, by: Mutation.ResolvedBy
) -> None:
    """It happened: the run goes on to `next`. Needs the transaction of `held`."""
    run = work.run
    mutation.apply(result=finding.result, by=by.value, now=work.clock())
    save_with_history(mutation, reason=f"it happened, by {by.label}")
    run.set_mutated()
    save_with_history(run, reason=f"{mutation.mutator} was applied", fields=_STATE)


def write_not_applied(
    work: Work, mutation: Mutation, finding: Finding, *, by: Mutation.ResolvedBy
) -> None:
    """It did not happen: the run fails, its events are released. Needs the transaction of `held`."""
    mutation.set_failed(by=by.value, now=work.clock())
    save_with_history(mutation, reason=f"it did not happen, by {by.label}: {finding.detail}")
    kind = retry.Kind.TRANSIENT if finding.retryable else retry.Kind.REJECTED
    work.run.failure_phase = work.run.phase
    message = finding.detail or "the outside system does not have it"
    mutator = work.code.mutator_named(mutation.mutator)
    retry.end_failed(work.run, kind, message, work=work, policy=work.code.policy_for(mutator))


def write_unknown(work: Work, mutation: Mutation, mutator: type[Mutator] | None, why: str) -> None:
    """Nobody knows yet: the host asks, if it can, else a person. Needs the transaction of `held`."""
    if mutator is not None and mutator.can_reconcile():
        mutation.await_reconcile(due_at=work.clock())
        save_with_history(mutation, reason=f"outcome unknown: {why}")
        work.run.begin_reconciling()
        save_with_history(work.run, reason=f"outcome unknown: {why}", fields=_STATE)
        log("mutation.unknown", work.run, level=logging.WARNING, mutator=mutation.mutator)
    else:
        block(work, mutation, f"outcome unknown, and the host can't ask: {why}")


def block(work: Work, mutation: Mutation, why: str) -> None:
    """Only a person can tell now. Needs the transaction of `held`."""
    mutation.give_up()
    save_with_history(mutation, reason=why)
    work.run.block()
    save_with_history(work.run, reason=why, fields=_STATE)
    log("run.blocked", work.run, level=logging.WARNING, mutator=mutation.mutator)


def record_late_answer(mutation: Mutation, policy: Policy, answer: Answer) -> None:
    """Keep an answer of `execute` that came after its time limit. Commits."""
    if answer.error is None or isinstance(answer.error, Exception):
        record_late(mutation, read_execute(answer, policy))


def record_late(mutation: Mutation, finding: Finding) -> None:
    """Keep a finding that can't change the state any more; flag it if it contradicts. Commits."""
    outlast(lambda _: _write_late(mutation, finding), within_seconds=policy().answer_kept_seconds)


def _write_late(called: Mutation, finding: Finding) -> None:
    # By its key too: the number of a row that is gone is given again.
    same = Mutation.objects.filter(pk=called.pk, idempotency_key=called.idempotency_key)
    workflow_pk = same.values_list("run__workflow_id", flat=True).first()
    if workflow_pk is None:
        # A server took over that never had the last transactions, or an old backup was restored.
        facts = {"mutator": called.mutator, "key": called.idempotency_key}
        log("mutation.forgotten", called.run, level=logging.ERROR, **facts, said=finding.verdict)
        return
    with transaction.atomic(durable=True):
        lock_workflow(workflow_pk)
        mutation = same.select_related("run__workflow").get()
        contradicts = _contradicts(finding.verdict, mutation.status)
        record_evidence(mutation, Evidence.Kind.LATE, finding, contradicts=contradicts)
    level = logging.ERROR if contradicts else logging.WARNING
    facts = {"said": finding.verdict.value, "ledger": mutation.status}
    name = "mutation.contradicted" if contradicts else "mutation.late_answer"
    log(name, mutation.run, level=level, mutation=mutation.pk, **facts)


def _contradicts(verdict: Verdict, status: str) -> bool:
    said_no = verdict == Verdict.NOT_APPLIED and status == Mutation.Status.APPLIED
    said_yes = verdict == Verdict.APPLIED and status == Mutation.Status.FAILED
    return said_no or said_yes


@contextmanager
def late_if_fenced(mutation: Mutation, finding: Finding) -> Iterator[None]:
    """Keep `finding` as a late answer if the block finds that it can't be written as it should be."""
    try:
        yield
    except (Fenced, RunForgotten):
        record_late(mutation, finding)
        raise


_STATE = ["phase", "status", "version", "fencing_token"]
