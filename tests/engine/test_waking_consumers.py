"""When `prepare` is asked again (P2): a new event, or the instant that it named, within limits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import (
    NOW,
    RECEIVED,
    Deploy,
    after,
    code,
    consumer,
    host,
    row,
    runs,
    send,
    status_of,
)
from workflows_app.models import Handler
from workflows_app.operations import skip_event
from workflows_app.sdk import PrepareContext, PrepareResult

pytestmark = pytest.mark.django_db

DAY = 86_400


class _Looks(list[datetime]):
    """A `prepare` that finds nothing and wants to look again so many seconds later."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        self.append(ctx.now)
        return PrepareResult.nothing(wake_at=ctx.now + timedelta(seconds=self.seconds))


@pytest.mark.parametrize(
    ("wanted", "granted"),
    [(60, 60), (30, 30), (29, 30), (-5, 30), (DAY, DAY), (DAY + 1, DAY), (10 * DAY, DAY)],
)
def test_the_instant_it_names_is_moved_into_the_limits(
    deploy: Deploy, wanted: float, granted: float
) -> None:
    looks = _Looks(wanted)
    deploy(code(consumer(looks)))
    send()
    host()
    assert Handler.objects.get().wake_at == after(granted)
    assert row().lease.next_due_at == after(granted)

    assert host(granted - 1) == 0
    host(granted)
    assert looks == [NOW, after(granted)]


def test_a_workflow_may_have_limits_of_its_own(deploy: Deploy) -> None:
    deploy(
        code(consumer(_Looks(1)), policy={"wake_min_seconds": 5, "wake_max_seconds": 6}),
    )
    send()
    host()

    assert Handler.objects.get().wake_at == after(5)


def test_an_event_is_looked_at_before_that_instant(deploy: Deploy) -> None:
    looks = _Looks(3600)
    deploy(code(consumer(looks)))
    send("1")
    host()
    send("2")
    host(60)

    assert looks == [NOW, after(60)]
    assert Handler.objects.get().wake_at == after(3660)


def test_a_batch_is_collected_until_its_time(deploy: Deploy) -> None:
    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED)
        if len(events) < 3 and ctx.now < after(120):
            return PrepareResult.nothing(wake_at=after(120))
        return PrepareResult(events)

    deploy(code(consumer(prepare)))
    for number, seconds in ((1, 0), (2, 10)):
        send(str(number))
        host(seconds)
    assert {status_of("1"), status_of("2")} == {"pending"}

    assert host(119) == 0
    host(120)
    assert {status_of("1"), status_of("2")} == {"consumed"}
    assert [run.reservations.count() for run in runs()] == [0, 0, 2]
    assert Handler.objects.get().wake_at is None


def test_a_result_with_events_waits_for_no_instant(deploy: Deploy) -> None:
    deploy(code(consumer(lambda ctx, state: PrepareResult(ctx.peek(RECEIVED), wake_at=after(60)))))
    send()
    host()

    assert Handler.objects.get().wake_at is None
    assert (runs()[0].prepare_result or {})["wake_at"] == after(60).isoformat()
    assert host(DAY) == 0


def test_the_payload_of_a_pending_event_published_anew_is_looked_at(deploy: Deploy) -> None:
    looks = _Looks(3600)
    deploy(code(consumer(looks)))
    send("1", "a")
    host()
    send("1", "a")
    assert host(10) == 0, "the same payload is nothing new"
    send("1", "b")
    host(20)

    assert looks == [NOW, after(20)]


def test_an_event_for_one_consumer_wakes_no_other(deploy: Deploy) -> None:
    looks, other = _Looks(3600), _Looks(3600)
    deploy(
        code(
            consumer(looks),
            consumer(other, name="Cancel", subscribes=["order.cancelled"]),
        )
    )
    send()
    host()

    assert (looks, other) == ([NOW], [])


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
