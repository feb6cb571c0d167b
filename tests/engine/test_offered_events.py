"""Which events a consumer is offered, and when (P2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.stage import (
    NOW,
    RECEIVED,
    SHIPPED,
    Deploy,
    by_payload,
    code,
    consumer,
    empty,
    host,
    runs,
    send,
    status_of,
)
from workflows_app.models import Event
from workflows_app.operations import skip_event
from workflows_app.sdk import (
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
)

pytestmark = pytest.mark.django_db


def test_a_look_at_the_topic_is_limited_and_the_oldest_come_first(deploy: Deploy) -> None:
    looks: dict[str, list[str]] = {}

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        looks["peek"] = [event.message_id for event in ctx.peek(RECEIVED)]
        looks["peek of 2"] = [event.message_id for event in ctx.peek(RECEIVED, limit=2)]
        looks["peek of 9"] = [event.message_id for event in ctx.peek(RECEIVED, limit=9)]
        looks["get"] = [event.message_id for event in ctx.get(RECEIVED, ["1", "5", "gone", "2"])]
        looks["now"] = [ctx.now.isoformat()]
        return PrepareResult.nothing()

    deploy(code(consumer(prepare), policy={"peek_limit": 3}))
    for number in range(5, 0, -1):
        send(str(number))
    host()

    assert looks == {
        "peek": ["5", "4", "3"],
        "peek of 2": ["5", "4"],
        "peek of 9": ["5", "4", "3"],
        "get": ["5", "2", "1"],
        "now": [NOW.isoformat()],
    }


def test_only_pending_events_of_the_lane_are_offered(deploy: Deploy, operator_user: Any) -> None:
    offered: dict[str, list[list[str]]] = {"a": [], "b": []}

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        found = ctx.get(RECEIVED, ["1", "2", "3", "4"])
        offered[ctx.lane].append([event.message_id for event in found])
        return PrepareResult(found[:1])

    deploy(code(consumer(prepare, lane=by_payload)))
    for message_id, lane in (("1", "a"), ("2", "a"), ("3", "a"), ("4", "b")):
        send(message_id, lane)
    skip_event(Event.objects.get(message_id="2"), actor=operator_user, reason="a test order")
    host()

    assert offered == {"a": [["1", "3"], ["3"]], "b": [["4"]]}


def test_an_empty_prepare_waits_for_the_next_event(deploy: Deploy) -> None:
    deploy(code(consumer(empty)))
    send("1")
    assert host() == 1
    assert host(seconds=10**9) == 0, "the same event is not offered again"
    send("2")
    assert host() == 1


def test_a_topic_feeds_the_next_consumer_of_the_same_workflow(deploy: Deploy) -> None:
    def pass_on(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        for event in prepared.reservations:
            ctx.publish(SHIPPED, message_id=event.message_id, payload=[event.payload])

    bill = consumer(
        lambda ctx, state: PrepareResult(ctx.peek(SHIPPED)),
        name="Bill",
        subscribes=[SHIPPED],
        publishes=(),
    )
    deploy(code(consumer(next=pass_on), bill))
    send("1", "a")
    host()

    assert (status_of("1"), status_of("1", SHIPPED)) == ("consumed", "consumed")
    assert [run.handler.name for run in runs()] == ["Ship", "Bill"]


def test_one_run_takes_events_of_several_topics(deploy: Deploy) -> None:
    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        return PrepareResult(ctx.peek(RECEIVED) + ctx.peek("order.cancelled"))

    deploy(code(consumer(prepare, subscribes=[RECEIVED, "order.cancelled"])))
    send("1")
    send("2", topic="order.cancelled")
    send("3")
    host()
    (run,) = runs()

    taken = run.reservations.values_list("event__topic__name", "event__message_id")
    assert list(taken) == [(RECEIVED, "1"), (RECEIVED, "3"), ("order.cancelled", "2")]
    assert set(Event.objects.values_list("status", flat=True)) == {"consumed"}


def test_an_event_that_arrives_during_an_empty_prepare_is_looked_at(deploy: Deploy) -> None:
    looks: list[int] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED)
        looks.append(len(events))
        if len(events) < 2:
            send("2")
            return PrepareResult.nothing()
        return PrepareResult(events)

    deploy(code(consumer(prepare)))
    send("1")
    host()

    assert looks == [1, 2]
    assert (status_of("1"), status_of("2")) == ("consumed", "consumed")
