"""The key of a call belongs to its prepare result (P1): the same along retries of it, else new.

An outside system that honours keys then saves a person who asserted wrongly that it did not happen.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import (
    Deploy,
    calling,
    code,
    consumer,
    fresh,
    host,
    last_run,
    reasons,
    row,
    runs,
    send,
    take_one,
)
from workflows_app.models import Mutation
from workflows_app.operations import it_didnt_happen, pause_workflow, resume_workflow, try_again
from workflows_app.sdk import MutationCall, PrepareContext, PrepareResult, Reconciliation
from workflows_app.testing import SimulatedCrash, scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


def _keys() -> list[str]:
    return list(Mutation.objects.order_by("pk").values_list("idempotency_key", flat=True))


def _counting_prepares(called: Any, prepares: list[int], crash_in_mutate: int = 0) -> Any:
    """Return a workflow that counts its prepares and dies in its `crash_in_mutate`-th mutate."""
    mutates: list[int] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        prepares.append(1)
        return take_one(ctx, state)

    def mutate(prepared: PrepareResult) -> MutationCall:
        mutates.append(1)
        if len(mutates) == crash_in_mutate:
            raise SimulatedCrash
        return MutationCall(called, {"of": prepared.data})

    return code(consumer(prepare, mutate), calls=[called])


def test_a_fresh_prepare_has_a_new_key(deploy: Deploy) -> None:
    called = scripted("refused", "applied")
    deploy(calling(called))
    send()
    host()
    host(10)

    assert len(set(_keys())) == 2
    assert [key for _, key in called.calls] == _keys()
    assert [run.idempotency_key for run in runs()] == _keys()


def test_it_didnt_happen_keeps_the_key_along_the_chain(deploy: Deploy, operator_user: User) -> None:
    called, prepares = scripted("timeout", "lost", "applied"), []  # type: ignore[var-annotated]
    deploy(_counting_prepares(called, prepares))
    send()
    host()
    for _ in range(2):
        it_didnt_happen(last_run(), actor=operator_user, reason="the list is empty")
        host()

    assert [run.status for run in runs()] == ["failed", "failed", "committed"]
    assert [run.retry_of for run in runs()] == [None, *runs()[:-1]]
    assert len(_keys()) == 3
    assert len(set(_keys())) == 1
    assert len({str(params) for params, _ in called.calls}) == 1
    assert len(prepares) == 1, "prepare is not called again"


def test_asking_uses_the_key_and_parameters_that_were_sent(
    deploy: Deploy, operator_user: User
) -> None:
    called = scripted("lost", reconcilable=True)
    answers = [Reconciliation.retry("not yet")] * 5 + [Reconciliation.applied()]
    asked: list[Any] = []

    def reconcile(self: Any, params: Any, *, idempotency_key: str) -> Any:
        asked.append((params, idempotency_key))
        return answers[len(asked) - 1]

    called.reconcile = reconcile  # type: ignore[attr-defined]
    deploy(calling(called))
    send()
    for seconds in (0, 10, 30, 70, 150):
        host(seconds)
    try_again(last_run(), actor=operator_user, reason="the search is up again")
    host(150)

    assert last_run().status == "committed"
    assert asked == called.calls * 6


def test_a_crash_before_the_retry_of_a_person_was_sent_keeps_its_prepare_result(
    deploy: Deploy, operator_user: User
) -> None:
    called, prepares = scripted("timeout", "applied"), []  # type: ignore[var-annotated]
    deploy(_counting_prepares(called, prepares, crash_in_mutate=2))
    event = send()
    host()
    it_didnt_happen(last_run(), actor=operator_user, reason="the list is empty")
    with pytest.raises(SimulatedCrash):
        host()
    host()
    host(10)
    blocked, crashed, retry = runs()

    assert [blocked.status, crashed.status, retry.status] == ["failed", "crashed", "committed"]
    assert (crashed.retry_of, retry.retry_of) == (blocked, crashed)
    assert len(set(_keys())) == 1
    assert (len(_keys()), len(prepares)) == (2, 1)
    assert "pending" not in [status for status, _ in reasons(fresh(event))[1:]]


def test_a_retry_of_a_person_that_crashed_is_not_sent_while_the_workflow_is_paused(
    deploy: Deploy, operator_user: User
) -> None:
    called = scripted("timeout", "applied")
    deploy(_counting_prepares(called, [], crash_in_mutate=2))
    event = send()
    host()
    it_didnt_happen(last_run(), actor=operator_user, reason="the list is empty")
    with pytest.raises(SimulatedCrash):
        host()
    pause_workflow(row(), actor=operator_user, reason="the carrier has moved")
    host()
    host(10)
    waiting = last_run()

    assert len(called.calls) == 1
    assert (waiting.status, waiting.phase, waiting.owes_retry) == ("crashed", "prepared", True)
    assert fresh(event).reserved_by == waiting

    resume_workflow(row(), actor=operator_user, reason="moved")
    host(10)
    assert (len(called.calls), last_run().status) == (2, "committed")
    assert len(set(_keys())) == 1
