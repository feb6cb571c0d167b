"""The second phase: the outside call, outside of any transaction, then its outcome at once (P1, P3).

A worker that was suspended between the checkpoint and the call may wake up after another one has
taken over and settled it. So the call begins while the claim is certainly still held, or not at all.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from workflows_app.boundaries import Boundary, reached
from workflows_app.engine import ledger
from workflows_app.engine.calls import call_with_limit
from workflows_app.engine.outlasting import outlast
from workflows_app.engine.work import Work
from workflows_app.models import Mutation
from workflows_app.sdk.deadlines import machine_seconds
from workflows_app.sdk.failures import NotApplied
from workflows_app.sdk.json_values import copied
from workflows_app.sdk.mutators import Mutator


def run_call(work: Work) -> bool:
    """Make the call of the run's mutation and write what came of it. Commits.

    Returns True when the run goes on to `next` now. Raises Fenced.
    """
    reached(Boundary.CHECKED)
    mutation = work.run.mutation
    mutator = work.code.mutator_named(mutation.mutator)
    assert mutator is not None, "the checkpoint takes listed mutators only"
    policy = work.code.policy_for(mutator)
    answer = call_with_limit(
        partial(_send, mutator, mutation, work.send_by),
        seconds=policy.call_timeout_seconds,
        on_late=partial(ledger.record_late_answer, mutation, policy),
    )
    finding = ledger.read_execute(answer, policy)
    reached(Boundary.ANSWERED)
    with ledger.late_if_fenced(mutation, finding):
        goes_on = outlast(
            partial(ledger.settle_execute, work, mutator, finding),
            within_seconds=policy.answer_kept_seconds,
        )
    reached(Boundary.SETTLED)
    return goes_on


def _send(mutator: type[Mutator], mutation: Mutation, send_by: float) -> Any:
    if machine_seconds() > send_by:
        raise NotApplied("the worker was held up, and did not send it", retryable=True)
    return mutator().execute(copied(mutation.params), idempotency_key=mutation.idempotency_key)
