"""When `prepare` is asked again (P2): a new event, or the instant that it named, within limits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import NOW, RECEIVED, Deploy, after, code, consumer, host, runs, send
from workflows_app.operations import skip_event
from workflows_app.sdk import PrepareContext, PrepareResult

pytestmark = pytest.mark.django_db


class _Looks(list[datetime]):
    """A `prepare` that finds nothing and wants to look again so many seconds later."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        self.append(ctx.now)
        return PrepareResult.nothing(wake_at=ctx.now + timedelta(seconds=self.seconds))


def test_the_oldest_event_is_handled_first_whatever_its_consumer(deploy: Deploy) -> None:
    def take(topic: str) -> Any:
        return lambda ctx, state: PrepareResult(ctx.peek(topic, limit=1))

    deploy(
        code(
            consumer(take(RECEIVED)),
            consumer(take("order.cancelled"), name="Cancel", subscribes=["order.cancelled"]),
        )
    )
    send("1", topic="order.cancelled")
    send("2")
    send("3", topic="order.cancelled")
    host()

    assert [run.handler.name for run in runs()] == ["Cancel", "Ship", "Cancel"]


def test_an_event_that_waits_for_another_consumer_is_looked_at_after_it(
    deploy: Deploy, operator_user: User
) -> None:
    looks = _Looks(3600)
    deploy(
        code(
            consumer(looks),
            consumer(
                lambda ctx, state: PrepareResult(ctx.peek("order.cancelled")),
                name="Cancel",
                subscribes=["order.cancelled"],
            ),
        )
    )
    event = send("1")
    host()
    skip_event(event, actor=operator_user, reason="a test order")
    send("2", topic="order.cancelled")
    send("3")
    host(10)

    assert [run.handler.name for run in runs()] == ["Ship", "Cancel", "Ship"]
    assert looks == [NOW, after(10)]


@pytest.mark.parametrize("lane", ["", "its own"])
def test_a_consumer_that_only_its_clock_woke_comes_after_those_with_events(
    deploy: Deploy, operator_user: User, lane: str
) -> None:
    deploy(
        code(
            consumer(_Looks(60), lane=lambda event: lane),
            consumer(
                lambda ctx, state: PrepareResult(ctx.peek("order.cancelled")),
                name="Cancel",
                subscribes=["order.cancelled"],
            ),
        )
    )
    event = send("1")
    host()
    skip_event(event, actor=operator_user, reason="a test order")
    send("2", topic="order.cancelled")
    host(60)

    assert [run.handler.name for run in runs()] == ["Ship", "Cancel", "Ship"]
