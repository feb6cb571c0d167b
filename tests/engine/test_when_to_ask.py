"""How often and when the host asks about an unknown outcome, and when it gives up (P3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    NOW,
    Deploy,
    after,
    calling,
    evidence_of,
    host,
    last_run,
    mutator,
    row,
    send,
)
from workflows_app.engine.advancing import advance
from workflows_app.sdk import Mutator, Reconciliation

pytestmark = pytest.mark.django_db


def test_the_distance_of_attempts_has_a_limit(deploy: Deploy) -> None:
    outside = Outside(RETRY)
    deploy(calling(outside.mutator, policy={"reconcile_attempts": 9, "backoff_max_seconds": 25}))
    send()
    due: list[Any] = []
    for seconds in (0, 10, 30, 55, 80):
        host(seconds)
        due.append(last_run().mutation.next_reconcile_at)

    assert due == [after(10), after(30), after(55), after(80), after(105)]


def test_an_absence_that_was_seen_before_it_proves_anything_is_none_when_it_is_told(
    deploy: Deploy,
) -> None:
    time = [after(0)]

    def look(params: Any, key: str) -> Reconciliation:
        # It looks at once, and answers when the search has caught up.
        time[0] = after(40)
        return Reconciliation.not_applied()

    def execute(params: Any, key: str) -> Any:
        raise ConnectionError("reset by peer")

    deploy(calling(mutator(execute, look, absence_is_proof_after=timedelta(seconds=30))))
    send()
    advance(row().pk, clock=lambda: time[0], max_steps=2)

    assert (last_run().status, evidence_of(last_run().mutation)[1][:2]) == (
        "reconciling",
        ("reconcile", "unknown"),
    )


def test_presence_counts_before_absence_would(deploy: Deploy) -> None:
    outside = Outside(Reconciliation.applied(), absence_is_proof_after=timedelta(days=1))
    deploy(calling(outside.mutator))
    send()
    host()

    assert last_run().status == "committed"


@pytest.mark.parametrize("attempts", [1, 3])
def test_the_last_attempt_is_not_spent_before_absence_proves_something(
    deploy: Deploy, attempts: int
) -> None:
    outside = Outside(Reconciliation.not_applied(), absence_is_proof_after=timedelta(seconds=100))
    deploy(calling(outside.mutator, policy={"reconcile_attempts": attempts}))
    send()
    host()
    host(10)
    assert last_run().mutation.next_reconcile_at == after(100), "and not after 30 seconds"
    assert len(outside.asked) == attempts - 1

    host(100)
    assert (last_run().status, last_run().failure_kind) == ("failed", "transient")
    assert len(outside.asked) == attempts


def test_absence_is_counted_from_the_end_of_the_call(deploy: Deploy) -> None:
    time = [NOW]
    outside = Outside(Reconciliation.not_applied(), absence_is_proof_after=timedelta(seconds=30))

    class Slow(outside.mutator):  # type: ignore[name-defined]
        def execute(self, params: Any, *, idempotency_key: str) -> Any:
            time[0] = after(60)
            return super().execute(params, idempotency_key=idempotency_key)

    deploy(calling(Slow))
    send()
    advance(row().pk, clock=lambda: time[0])

    mutation = last_run().mutation
    detail = "not there, which proves nothing before 2100-01-01 12:01:30 UTC"
    assert evidence_of(mutation)[1:] == [("reconcile", "unknown", detail, 1)]
    assert (mutation.sent_at, mutation.ended_at) == (NOW, after(60))
    assert row().lease.next_due_at == mutation.next_reconcile_at, "some worker looks then"


def test_a_mutator_that_cannot_be_made_is_asked_as_often_as_any(deploy: Deploy) -> None:
    outside = Outside(Reconciliation.applied())
    made: list[int] = []

    def make(self: Mutator) -> None:
        made.append(1)
        if len(made) == 3:
            raise ValueError("no configuration")

    setattr(outside.mutator, "__init__", make)  # noqa: B010 - it is a test that breaks it
    deploy(calling(outside.mutator))
    send()
    host()
    assert evidence_of(last_run().mutation)[-1] == (
        "reconcile",
        "unknown",
        "ValueError: no configuration",
        1,
    )

    host(10)
    assert last_run().status == "committed"
