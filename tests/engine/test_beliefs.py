"""A database whose clock was ahead by a day has put work off by a day: it is done when the clock is right (P2)."""

from __future__ import annotations

from datetime import timedelta
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


def test_what_was_put_off_by_the_host_itself_waits(deploy: Deploy) -> None:
    polls: list[Any] = []
    deploy(
        code(producer(lambda ctx, state: polls.append(ctx.now), Every(days=40))),
    )
    host()

    host(39 * A_DAY)

    assert polls == [NOW]
