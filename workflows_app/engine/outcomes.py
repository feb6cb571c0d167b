"""What an answer about an outside effect changes (P1, P3, P4).

Each function writes the finding, its evidence and the run's new state. Needs the workflow's lock. What a
run does next is returned as a `Todo`.

Absence proves nothing while the outside system's search lags: until `absence_is_proof_after` since the
call ended, "not there" counts as "ask again". The last attempt is never spent before that moment.
"""

from __future__ import annotations

import logging
from datetime import datetime
from enum import Enum
from functools import cache

from django.utils import translation

from workflows_app.conf import Policy
from workflows_app.engine import breakers, retry
from workflows_app.engine.answers import Finding, Verdict
from workflows_app.engine.case import Case
from workflows_app.engine.log import log
from workflows_app.models import Evidence, Mutation, Run
from workflows_app.models.copies import new
from workflows_app.models.saving import insert, save_with_history
from workflows_app.sdk.handlers import Consumer
from workflows_app.sdk.mutators import Mutator

_STATE = ["phase", "status", "version", "fencing_token"]
#: What an answer that it happened changes of a mutation.
_APPLIED = [
    *("status", "result", "resolved_by", "resolved_at"),
    *("next_reconcile_at", "reconcile_attempts", "ended_at"),
]


class Todo(Enum):
    """What a run does next, once what came before is durable."""

    PREPARE = "prepare"
    MUTATE = "mutate again"
    CALL = "call"
    ASK = "ask"
    NEXT = "next"
    POLL = "poll"
    #: It has no place yet, and is told when it has one.
    WAIT = "wait"
    #: It has ended, or waits.
    NOTHING = "nothing"


#: What a run does outside.
OUTSIDE = (Todo.CALL, Todo.ASK)


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
        new(
            Evidence,
            mutation=mutation,
            kind=kind.value,
            verdict=finding.verdict.value,
            detail=finding.told,
            traceback=finding.traceback,
            duration_ms=finding.duration_ms,
            attempt=attempt,
            contradicts=contradicts,
        )
    )


def settle_call(case: Case, finding: Finding) -> Todo:
    """Write what the answer of `execute` says."""
    mutation = case.run.mutation
    mutation.ended_at = case.now
    record_evidence(mutation, Evidence.Kind.EXECUTE, finding)
    if finding.verdict == Verdict.UNKNOWN:
        breakers.count_unknown(case)
        return write_unknown(case, finding.told)
    if finding.unsent:
        breakers.put_off_trial(case)
    else:
        breakers.count_definite(case)
    return _settle(case, finding, by=Mutation.ResolvedBy.RESPONSE)


def settle_reconcile(case: Case, finding: Finding, *, asked_at: datetime) -> Todo:
    """Write what the answer of `reconcile` says. One query if that is that it did not happen."""
    mutation, mutator = case.run.mutation, case.mutator
    assert mutator is not None
    policy = case.code.policy_for(mutator)
    case.run.fencing_token = case.claim.token
    proof_at = absence_is_proof_at(mutation, mutator)
    finding = as_proof(mutation, mutator, finding, asked_at=asked_at)
    if finding.verdict == Verdict.APPLIED:
        # Whoever asked goes on with it. What ends here failed under the code that made the call.
        case.run.version = case.version_of_code()
    mutation.reconcile_attempts += 1
    attempt = mutation.reconcile_attempts
    record_evidence(mutation, Evidence.Kind.RECONCILE, finding, attempt=attempt)
    if finding.verdict != Verdict.UNKNOWN:
        breakers.count_definite(case)
        # What an answer says was done is not done again by ourselves (`operations.heard`).
        said_yes = mutation.evidence.filter(verdict=Verdict.APPLIED)
        if finding.verdict == Verdict.NOT_APPLIED and said_yes.exists():
            return block(case, "the outside system said that it happened, and now that it did not")
        return _settle(case, finding, by=Mutation.ResolvedBy.RECONCILE)
    if attempt >= policy.reconcile_attempts:
        return block(case, f"still unknown after {attempt} attempts: {finding.told}")
    mutation.await_reconcile(due_at=_attempt_at(case.now, attempt + 1, proof_at, policy))
    save_with_history(mutation, reason=f"still unknown, attempt {attempt}: {finding.told}")
    return Todo.NOTHING


def as_proof(
    mutation: Mutation, mutator: type[Mutator], finding: Finding, *, asked_at: datetime
) -> Finding:
    """Return what an answer of `reconcile` proves: "not there" proves nothing while the search may lag.

    It may say what was so when the outside system was asked.
    """
    proof_at = absence_is_proof_at(mutation, mutator)
    if finding.verdict != Verdict.NOT_APPLIED or asked_at >= proof_at:
        return finding
    detail = f"not there, which proves nothing before {proof_at:%Y-%m-%d %H:%M:%S %Z}"
    return Finding(Verdict.UNKNOWN, detail, duration_ms=finding.duration_ms)


def settle_probe(case: Case, finding: Finding) -> None:
    """Write what a definite answer says that a person had the host ask for, of a run that is blocked."""
    if finding.verdict == Verdict.APPLIED:
        # For whoever claims the workflow next.
        case.run.fencing_token = None
    _settle(case, finding, by=Mutation.ResolvedBy.RECONCILE)


def absence_is_proof_at(mutation: Mutation, mutator: type[Mutator]) -> datetime:
    assert mutation.ended_at is not None, "it is asked about once the call is over"
    return mutation.ended_at + mutator.absence_is_proof_after


def _attempt_at(now: datetime, number: int, proof_at: datetime, policy: Policy) -> datetime:
    due_at = now + policy.backoff(number - 1) if number > 1 else now
    is_last = number >= policy.reconcile_attempts
    return max(due_at, proof_at) if is_last else due_at


def _settle(case: Case, finding: Finding, *, by: Mutation.ResolvedBy) -> Todo:
    if finding.verdict == Verdict.APPLIED:
        return _write_applied(case, finding, by=by)
    return _write_not_applied(case, finding, by=by)


def _write_applied(case: Case, finding: Finding, *, by: Mutation.ResolvedBy) -> Todo:
    """It happened: the run goes on to `next`."""
    run, mutation = case.run, case.run.mutation
    is_blocked = mutation.status == Mutation.Status.INDETERMINATE
    apply = mutation.apply_late if is_blocked else mutation.apply
    apply(result=finding.result, by=by.value, now=case.now)
    save_with_history(mutation, reason=f"it happened, by {_settled_by(by)}", fields=_APPLIED)
    run.set_mutated()
    if run.status != Run.Status.ACTIVE:
        run.unblock()
    save_with_history(run, reason=f"{mutation.mutator} was applied", fields=_STATE)
    return Todo.NEXT


def _write_not_applied(case: Case, finding: Finding, *, by: Mutation.ResolvedBy) -> Todo:
    """It did not happen: the run fails and its events are released, or `next` handles the no."""
    run, mutation = case.run, case.run.mutation
    mutation.set_failed(by=by.value, now=case.now)
    save_with_history(mutation, reason=f"it did not happen, by {_settled_by(by)}: {finding.told}")
    if finding.is_rejection and _handles_rejection(case):
        run.set_mutated()
        save_with_history(run, reason=f"{mutation.mutator} was rejected: {finding.told}")
        return Todo.NEXT
    kind = retry.Kind.REJECTED if finding.is_rejection else retry.Kind.LOGIC
    if finding.retryable:
        kind = retry.Kind.TRANSIENT
    message = finding.told or "the outside system does not have it"
    policy = case.code.policy_for(case.mutator)
    retry.end_failed(case, kind, message, phase=run.phase, policy=policy)
    return Todo.NOTHING


@cache
def _settled_by(by: Mutation.ResolvedBy) -> str:
    """Return who settled it, in English, whatever the language of the person is: it is stored."""
    with translation.override(None):
        return str(by.label)


def _handles_rejection(case: Case) -> bool:
    handler = case.code.handler_named(case.run.handler.name)
    return handler is not None and issubclass(handler, Consumer) and handler.handles_rejection


def write_unknown(case: Case, why: str) -> Todo:
    """Nobody knows yet: the host asks, if it can, else a person."""
    run, mutation, mutator = case.run, case.run.mutation, case.mutator
    if mutator is None or not mutator.can_reconcile():
        return block(case, f"outcome unknown, and nobody can be asked: {why}")
    proof_at, policy = absence_is_proof_at(mutation, mutator), case.code.policy_for(mutator)
    due_at = _attempt_at(case.now, 1, proof_at, policy)
    mutation.await_reconcile(due_at=due_at)
    save_with_history(mutation, reason=f"outcome unknown: {why}")
    run.begin_reconciling()
    save_with_history(run, reason=f"outcome unknown: {why}", fields=_STATE)
    log("mutation.unknown", run, level=logging.WARNING, lane=run.lane, mutator=mutation.mutator)
    return Todo.ASK if due_at <= case.now else Todo.NOTHING


def block(case: Case, why: str) -> Todo:
    """Only a person can tell now."""
    run, mutation = case.run, case.run.mutation
    mutation.give_up()
    save_with_history(mutation, reason=why)
    run.block()
    save_with_history(run, reason=why, fields=_STATE)
    facts = {"lane": run.lane, "mutator": mutation.mutator, "question": "did it happen?"}
    log("run.blocked", run, level=logging.ERROR, **facts)
    return Todo.NOTHING


def is_open_question(run: Run, *, asked: bool) -> bool:
    """Tell whether an answer can still change the state of `run`, or comes too late."""
    known = run.own_mutation.status if run.own_mutation else None
    if asked:
        open_question = (Run.Status.RECONCILING, Mutation.Status.NEEDS_RECONCILE)
    else:
        open_question = (Run.Status.ACTIVE, Mutation.Status.IN_FLIGHT)
    return (run.status, known) == open_question
