"""Which events a consumer is offered, and when (P2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.stage import (
    NOW,
    RECEIVED,
    Deploy,
    by_payload,
    code,
    consumer,
    host,
    send,
    status_of,
)
from workflows_app.models import Event
from workflows_app.operations import skip_event
from workflows_app.sdk import PrepareContext, PrepareResult

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
