"""Runs of different lanes at the same time: how many, and what one does to another's events (P1, P8)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.engine.stage import (
    NOW,
    RECEIVED,
    Deploy,
    by_lane,
    by_payload,
    code,
    consumer,
    fresh,
    host,
    mutator,
    row,
    runs,
    send,
)
from tests.eventually import eventually
from workflows_app.engine.host import Host
from workflows_app.engine.versions import sync
from workflows_app.models import Event, Run
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]

#: Long enough for any machine: no test that passes waits for it.
PATIENCE_SECONDS = 20.0


def test_calls_that_wait_for_a_place_go_out_in_the_order_in_which_they_came(
    deploy: Deploy,
) -> None:
    called: list[str] = []
    one_by_one = {"calls_at_once": 1}
    deploy(by_lane(mutator(lambda params, key: called.append(key), policy=one_by_one)))
    for number in range(4):
        send(str(number), f"lane {number}")
    host(at_once=4)

    assert called == [run.idempotency_key for run in runs()]


@pytest.mark.django_db(transaction=True)
def test_what_one_run_publishes_anew_and_another_reserves_in_one_turn_is_called_as_it_is_now(
    deploy: Deploy,
) -> None:
    called: list[str] = []
    preparing, emitting, together = (threading.Event() for _ in range(3))

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED, limit=1)
        if [event.payload["text"] for event in events] == ["second"]:
            preparing.set()
            together.wait(PATIENCE_SECONDS)
        return PrepareResult(events, [event.payload["text"] for event in events])

    def execute(params: Any, key: str) -> Any:
        called.append(params["text"])
        if params["text"] == "first":
            send("2", {"lane": "b", "text": "second"})
        return {}

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        if prepared.data == ["first"]:
            ctx.publish(RECEIVED, message_id="2", payload={"lane": "b", "text": "changed"})
            emitting.set()
            together.wait(PATIENCE_SECONDS)

    carrier = mutator(execute)
    ship = consumer(
        prepare,
        lambda prepared: MutationCall(carrier, {"text": prepared.data[0]}),
        next,
        publishes=[RECEIVED],
        lane=lambda event: str(event.payload["lane"]),
    )
    deploy(code(ship, calls=[carrier]))
    send("1", {"lane": "a", "text": "first"})
    worker = Host(at_once=2, clock=lambda: NOW)
    assert worker.claim(row().pk)
    while worker.holdings:
        if preparing.is_set() and emitting.is_set() and not together.is_set():
            together.set()
            eventually(worker.inbox.qsize, 2)
        worker.step(wait=0.05)

    event = Event.objects.get(message_id="2")
    assert (event.status, event.payload["text"], event.revision) == ("consumed", "changed", 2)
    assert called == ["first", "changed"]


def test_an_event_that_goes_to_another_lane_meanwhile_is_not_reserved_in_the_old_one(
    deploy: Deploy,
) -> None:
    renamed = code(consumer(lane=lambda event: "new"), version="1.1")
    is_first = [True]

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED)
        if is_first and is_first.pop():
            sync(renamed)
        return PrepareResult(events)

    deploy(code(consumer(prepare, lane=by_payload)))
    event = send("1", "old")
    host()
    assert (fresh(event).lane, fresh(event).status) == ("new", "pending")

    deploy(renamed)
    host()
    taken = [run.lane for run in runs() if run.reservations.exists()]
    assert (taken, fresh(event).status) == (["new"], "consumed")


def test_a_workflow_that_names_no_lanes_does_one_thing_after_the_other(deploy: Deploy) -> None:
    under_way: list[int] = []
    most: list[int] = []

    def execute(params: Any, key: str) -> Any:
        under_way.append(1)
        most.append(len(under_way))
        under_way.pop()
        return {}

    called = mutator(execute)
    deploy(code(consumer(mutate=lambda prepared: MutationCall(called, {})), calls=[called]))
    for number in range(5):
        send(str(number))
    host(at_once=4)

    assert most == [1] * 5
    taken = Run.objects.exclude(reservations=None).order_by("pk")
    assert [run.reservations.get().event.message_id for run in taken] == list("01234")
