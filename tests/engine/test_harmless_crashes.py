"""A crash where nothing outside was under way loses nothing (P2): looks, questions, polls."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.dying import Dies, crash
from tests.engine.stage import (
    RECEIVED,
    Deploy,
    calling,
    code,
    consumer,
    host,
    last_run,
    producer,
    row,
    runs,
    send,
    status_of,
)
from workflows_app.models import Event
from workflows_app.sdk import (
    PollContext,
    PrepareContext,
    PrepareResult,
)
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


def test_a_crash_of_an_empty_look_loses_no_wake_up(deploy: Deploy) -> None:
    dies = Dies()
    looks: list[int] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        looks.append(len(ctx.peek(RECEIVED)))
        if len(looks) == 2:
            dies()
        return PrepareResult.nothing()

    deploy(code(consumer(prepare)))
    send("1")
    host()
    send("2")
    crash()
    host()
    host(10)

    assert looks == [1, 2, 2]


def test_a_crash_while_asking_leaves_the_question_open(deploy: Deploy) -> None:
    called = scripted("lost", reconcilable=True)
    dies = Dies()
    asks = called.reconcile  # type: ignore[attr-defined]

    def reconcile(self: Any, params: Any, *, idempotency_key: str) -> Any:
        dies()
        return asks(self, params, idempotency_key=idempotency_key)

    called.reconcile = reconcile  # type: ignore[attr-defined]
    deploy(calling(called))
    send()
    dead = crash()
    assert (dead.status, dead.mutation.status) == ("reconciling", "needs_reconcile")
    host()

    assert [run.status for run in runs()] == ["committed"]
    assert (len(called.calls), last_run().mutation.resolved_by) == (1, "reconcile")


def test_a_crash_of_a_producer_starts_it_again(deploy: Deploy) -> None:
    dies = Dies()

    def poll(ctx: PollContext, state: Any) -> Any:
        ctx.publish(RECEIVED, message_id="1", payload=0)
        dies()
        return {"polls": dies.passed}

    deploy(code(producer(poll)))
    crash()
    assert not Event.objects.exists()
    host()
    assert not last_run().owes_retry, "it polls again by itself"
    host(10)

    assert [run.status for run in runs()] == ["crashed", "committed"]
    assert row().handlers.get().state == {"polls": 2}
    assert status_of("1") == "pending"
