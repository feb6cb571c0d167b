"""Asking the outside system whether it happened (P3).

Absence proves nothing while the outside system's search lags: until `absence_is_proof_after` since
sending, "not there" counts as "ask again". The last attempt is never spent before that moment.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from workflows_app.boundaries import Boundary, reached
from workflows_app.conf import Policy
from workflows_app.engine import ledger
from workflows_app.engine.calls import call_with_limit
from workflows_app.engine.claims import extend, held
from workflows_app.engine.ledger import Finding, Verdict
from workflows_app.engine.outlasting import outlast
from workflows_app.engine.work import Work
from workflows_app.models import Evidence, Mutation
from workflows_app.models.saving import save_with_history
from workflows_app.sdk.json_values import copied
from workflows_app.sdk.mutators import Mutator


def run_reconcile(work: Work) -> bool:
    """Ask once, and write what came of it. Commits.

    Returns True when the run goes on to `next` now. Raises Fenced.
    """
    mutation = work.run.mutation
    mutator = work.code.mutator_named(mutation.mutator)
    if mutator is None or not mutator.can_reconcile():
        with held(work.claim):
            why = f"version {work.code.version} can't ask about {mutation.mutator}"
            ledger.block(work, mutation, why)
        return False
    policy = work.code.policy_for(mutator)
    finding = _ask(mutator, mutation, policy)
    reached(Boundary.ASKED)
    attempts = mutation.reconcile_attempts

    def write(again: bool) -> bool:
        with held(work.claim):
            if again and work.reread().mutation.reconcile_attempts > attempts:
                return bool(work.run.mutation.status == Mutation.Status.APPLIED)
            return _write(work, mutator, work.run.mutation, finding, policy)

    with ledger.late_if_fenced(mutation, finding):
        goes_on = outlast(write, within_seconds=policy.answer_kept_seconds)
    reached(Boundary.RECONCILED)
    return goes_on


def extend_for_reconcile(work: Work) -> None:
    """Keep the claim while the outside system is asked. Needs the transaction of `held`."""
    mutator = work.code.mutator_named(work.run.mutation.mutator)
    limit = work.code.policy_for(mutator)
    extend(work.run.workflow.lease, seconds=limit.call_timeout_seconds + limit.lease_seconds)


def _ask(mutator: type[Mutator], mutation: Mutation, policy: Policy) -> Finding:
    def ask() -> Any:
        reconcile = getattr(mutator(), "reconcile")  # noqa: B009 - optional: not on the base class
        params = copied(mutation.params)
        return reconcile(params, idempotency_key=mutation.idempotency_key)

    answer = call_with_limit(
        ask,
        seconds=policy.call_timeout_seconds,
        on_late=lambda answer: ledger.record_late(mutation, ledger.read_reconcile(answer, policy)),
    )
    return ledger.read_reconcile(answer, policy)


def _write(
    work: Work, mutator: type[Mutator], mutation: Mutation, finding: Finding, policy: Policy
) -> bool:
    now = work.clock()
    proof_at = mutation.sent_at + mutator.absence_is_proof_after
    too_early = finding.verdict == Verdict.NOT_APPLIED and now < proof_at
    if too_early:
        detail = f"not there, which proves nothing before {proof_at:%Y-%m-%d %H:%M:%S %Z}"
        finding = Finding(Verdict.UNKNOWN, detail, duration_ms=finding.duration_ms)
    mutation.reconcile_attempts += 1
    attempt = mutation.reconcile_attempts
    ledger.record_evidence(mutation, Evidence.Kind.RECONCILE, finding, attempt=attempt)
    if finding.verdict == Verdict.APPLIED:
        work.run.unblock()
        ledger.write_applied(work, mutation, finding, by=Mutation.ResolvedBy.RECONCILE)
        return True
    if finding.verdict == Verdict.NOT_APPLIED:
        ledger.write_not_applied(work, mutation, finding, by=Mutation.ResolvedBy.RECONCILE)
    elif attempt >= policy.reconcile_attempts:
        ledger.block(work, mutation, f"still unknown after {attempt} attempts: {finding.detail}")
    else:
        mutation.await_reconcile(due_at=_next_attempt_at(now, attempt, proof_at, policy))
        save_with_history(mutation, reason=f"still unknown, attempt {attempt}: {finding.detail}")
    return False


def _next_attempt_at(now: datetime, attempt: int, proof_at: datetime, policy: Policy) -> datetime:
    due_at = now + policy.backoff(attempt)
    is_last = attempt + 1 >= policy.reconcile_attempts
    return max(due_at, proof_at) if is_last else due_at
