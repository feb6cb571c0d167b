"""Lanes: what is held, backs off or fails holds its own lane, and nothing else (P2, P8)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    RECEIVED,
    Deploy,
    after,
    by_lane,
    by_payload,
    code,
    consumer,
    host,
    mutator,
    producer,
    row,
    runs,
    send,
    status_of,
    statuses,
)
from workflows_app.models import LaneState, Run
from workflows_app.operations import retry_failed_run
from workflows_app.sdk import (
    Every,
    MutationCall,
    MutationOutcome,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
)
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


def _lanes_taken() -> list[str]:
    """Return the lanes of the runs that took something, in the order in which they began."""
    return [run.lane for run in runs() if run.reservations.exists()]


def test_an_unknown_outcome_holds_its_lane_and_nothing_else(deploy: Deploy) -> None:
    deploy(by_lane(scripted("lost", "applied")))
    for message_id, lane in (("1", "acme"), ("2", "acme"), ("3", "other"), ("4", "")):
        send(message_id, lane)
    host()

    assert statuses() == {"1": "reserved", "2": "pending", "3": "consumed", "4": "consumed"}
    held = LaneState.objects.filter(is_held=True).values_list("lane", flat=True)
    assert list(held) == ["acme"]
    assert row().is_blocked


def test_a_question_that_is_asked_again_later_holds_its_lane_only(deploy: Deploy) -> None:
    outside = Outside(RETRY)
    deploy(by_lane(outside.mutator))
    send("1", "acme")
    send("2", "other")
    host()

    assert [(run.lane, run.status) for run in runs()] == [
        ("acme", "reconciling"),
        ("other", "reconciling"),
    ]


def test_a_retry_that_is_owed_holds_its_lane_only(deploy: Deploy, operator_user: User) -> None:
    deploy(by_lane(scripted("refused", "lost", "refused", "applied")))
    for message_id, lane in (("1", "a"), ("2", "a"), ("3", "b"), ("4", "c"), ("5", "d")):
        send(message_id, lane)
    host()
    waiting = {"1": "pending", "2": "pending", "3": "reserved", "4": "pending"}
    assert statuses() == {**waiting, "5": "consumed"}

    # A person who wants it now is not kept from it by what is open or owed in other lanes.
    retry_failed_run(runs()[0], actor=operator_user, reason="they answer again")
    host()
    assert [status_of(message_id) for message_id in ("1", "2", "3")] == [
        "consumed",
        "consumed",
        "reserved",
    ]

    host(10)
    assert status_of("4") == "consumed"


def test_the_free_lane_with_the_oldest_event_goes_first(deploy: Deploy) -> None:
    deploy(by_lane(scripted("applied")))
    for number, lane in enumerate(["b", "a", "b", "c", "a"]):
        send(str(number), lane)
    host()

    assert _lanes_taken() == ["b", "a", "b", "c", "a"]


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


def test_state_and_wake_at_are_kept_by_handler_and_lane(deploy: Deploy) -> None:
    seen: list[tuple[str, Any]] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        seen.append((ctx.lane, state))
        events = [event for event in ctx.peek(RECEIVED) if not event.message_id.startswith("left")][
            :1
        ]
        return PrepareResult(events, wake_at=None if events else after(60 + len(ctx.lane)))

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        return (ctx.state or 0) + 1

    deploy(code(consumer(prepare, next=next, lane=by_payload)))
    send("1", "a")
    send("2", "bb")
    send("3", "a")
    for number, lane in enumerate(["a", "bb"]):
        send(f"left {number}", lane)
    host()

    assert [state for lane, state in seen if lane == "a"] == [None, 1, 2]
    assert [state for lane, state in seen if lane == "bb"] == [None, 1]
    kept = LaneState.objects.exclude(lane="").order_by("lane")  # the main lane has no events
    assert [(one.lane, one.state, one.wake_at) for one in kept] == [
        ("a", 3, after(61)),
        ("bb", 2, after(62)),
    ]
    assert host(60) == 0
    assert (host(61), seen[-1]) == (1, ("a", 3))


def test_an_empty_look_waits_in_its_own_lane_only(deploy: Deploy) -> None:
    looks: list[str] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        looks.append(ctx.lane)
        return PrepareResult.nothing()

    deploy(code(consumer(prepare, lane=by_payload)))
    send("1", "a")
    send("2", "b")
    host()
    send("3", "a")
    host()

    assert looks == ["a", "b", "a"]


def test_each_producer_has_a_lane_of_its_own(deploy: Deploy) -> None:
    def fails(ctx: PollContext, state: Any) -> Any:
        raise ValueError("the ERP has changed")

    deploy(
        code(
            producer(fails, Every(hours=1), name="Erp"),
            producer(lambda ctx, state: "polled", Every(minutes=5), name="Mail"),
            consumer(),
        )
    )
    send()
    host()

    assert {(run.lane, run.status) for run in runs()} == {
        ("producer:Erp", "failed"),
        ("producer:Mail", "committed"),
        ("", "committed"),
    }
    assert row().handlers.get(name="Mail").state == "polled"
    assert row().handlers.get(name="Mail").wake_at == after(300)
