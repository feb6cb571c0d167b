"""A database whose clock was ahead by a day has put work off by a day: it is done when the clock is right (P2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any

import pytest

from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    NOW,
    RECEIVED,
    Deploy,
    after,
    calling,
    code,
    consumer,
    host,
    last_run,
    producer,
    send,
)
from workflows_app.models import Breaker, Run
from workflows_app.sdk import Every, MutationCall, PrepareContext, PrepareResult, Reconciliation
from workflows_app.sdk.schedules import Schedule
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db

A_DAY = 86_400


def test_a_question_and_a_poll(deploy: Deploy) -> None:
    polls: list[Any] = []
    outside = Outside(RETRY, Reconciliation.applied())
    ship = consumer(mutate=lambda prepared: MutationCall(outside.mutator, {}))
    poll = producer(lambda ctx, state: polls.append(ctx.now), Every(minutes=5))
    deploy(code(ship, poll, calls=[outside.mutator]))
    send()
    host(A_DAY)
    assert (polls, last_run(), last_run().status) == ([after(A_DAY)], last_run(), "committed")
    assert Run.objects.filter(status="reconciling").exists()

    host(1)

    assert polls == [after(A_DAY), after(1)]
    assert not Run.objects.filter(status="reconciling").exists()


def test_a_retry_and_a_trial(deploy: Deploy) -> None:
    bank = scripted("refused", "applied")
    deploy(calling(bank))
    send()
    host(A_DAY)
    run = last_run()
    Breaker.objects.create(
        handler=run.handler, unknowns=5, status="open", opened_at=NOW, trial_at=after(A_DAY)
    )
    assert run.retry_due_at is not None

    host(1)

    assert [one.status for one in Run.objects.order_by("pk")] == ["failed", "committed"]


def test_a_consumer_that_wanted_to_look_again(deploy: Deploy) -> None:
    looks: list[Any] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        looks.append(ctx.now)
        assert ctx.peek(RECEIVED)
        return PrepareResult.nothing(wake_at=ctx.now + timedelta(days=1))

    deploy(code(consumer(prepare)))
    send()
    host(2 * A_DAY)

    host(1)

    assert looks == [after(2 * A_DAY), after(1)]


class _Varies:
    """A schedule of an author's own, which is not due equally late each time it is asked."""

    def __init__(self) -> None:
        self._days = chain([40], repeat(30))

    def first_at(self, now: datetime) -> datetime:
        return now

    def next_after(self, now: datetime) -> datetime:
        return now + timedelta(days=next(self._days))


@pytest.mark.parametrize("schedule", [Every(days=40), _Varies()])
def test_what_was_put_off_by_the_host_itself_waits(deploy: Deploy, schedule: Schedule) -> None:
    polls: list[Any] = []
    deploy(code(producer(lambda ctx, state: polls.append(ctx.now), schedule)))
    host()

    host(1)
    host(39 * A_DAY)

    assert polls == [NOW]


@pytest.mark.parametrize(
    "how",
    [
        {"policy": {"backoff_initial_seconds": A_DAY, "backoff_max_seconds": A_DAY}},
        {"policy": {"reconcile_attempts": 2}, "absence_is_proof_after": timedelta(days=1)},
    ],
    ids=["it backs off", "the last time comes when the search lags no more"],
)
def test_so_does_a_question_as_the_mutator_of_several_wants_it(
    deploy: Deploy, how: dict[str, Any]
) -> None:
    outside = Outside(RETRY, **how)
    ship = consumer(mutate=lambda prepared: MutationCall(outside.mutator, {}))
    deploy(code(ship, calls=[outside.mutator, scripted()]))
    send()
    host()

    host(1)

    assert len(outside.asked) == 1
    assert last_run().mutation.next_reconcile_at == after(A_DAY)
