"""Lanes: what is held, backs off or fails holds its own lane, and nothing else (P2, P8)."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    RECEIVED,
    SHIPPED,
    Deploy,
    after,
    by_payload,
    code,
    consumer,
    fresh,
    host,
    last_run,
    mutator,
    producer,
    row,
    runs,
    send,
    status_of,
)
from workflows_app import registry
from workflows_app.engine.versions import sync
from workflows_app.errors import LaneRefused
from workflows_app.models import Event, LaneRefusal, LaneState, Run
from workflows_app.queries.waiting import why_pending
from workflows_app.sdk import (
    Every,
    MutationCall,
    MutationOutcome,
    Mutator,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
    Workflow,
)
from workflows_app.sdk.values import EventRecord
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]

#: Long enough for any machine: no test that passes waits for it.
PATIENCE_SECONDS = 20.0


def _by_lane(called: type[Mutator], **workflow: Any) -> type[Workflow]:
    """Return a workflow that calls `called` once an event, in the lane that its payload names."""
    ship = consumer(mutate=lambda prepared: MutationCall(called, {}), lane=by_payload)
    return code(ship, calls=[called], **workflow)


def _lanes_taken() -> list[str]:
    """Return the lanes of the runs that took something, in the order in which they began."""
    return [run.lane for run in runs() if run.reservations.exists()]


def _statuses() -> dict[str, str]:
    return {event.message_id: event.status for event in Event.objects.order_by("pk")}


def test_an_unknown_outcome_holds_its_lane_and_nothing_else(deploy: Deploy) -> None:
    deploy(_by_lane(scripted("lost", "applied")))
    for message_id, lane in (("1", "acme"), ("2", "acme"), ("3", "other"), ("4", "")):
        send(message_id, lane)
    host()

    assert _statuses() == {"1": "reserved", "2": "pending", "3": "consumed", "4": "consumed"}
    held = LaneState.objects.filter(is_held=True).values_list("lane", flat=True)
    assert list(held) == ["acme"]
    assert row().is_blocked


def test_a_question_that_is_asked_again_later_holds_its_lane_only(deploy: Deploy) -> None:
    outside = Outside(RETRY)
    deploy(_by_lane(outside.mutator))
    send("1", "acme")
    send("2", "other")
    host()

    assert [(run.lane, run.status) for run in runs()] == [
        ("acme", "reconciling"),
        ("other", "reconciling"),
    ]


def test_a_retry_that_is_owed_holds_its_lane_only(deploy: Deploy) -> None:
    deploy(_by_lane(scripted("refused", "applied")))
    for message_id, lane in (("1", "acme"), ("2", "acme"), ("3", "other")):
        send(message_id, lane)
    host()
    assert _statuses() == {"1": "pending", "2": "pending", "3": "consumed"}

    host(10)
    assert set(_statuses().values()) == {"consumed"}


def test_the_free_lane_with_the_oldest_event_goes_first(deploy: Deploy) -> None:
    deploy(_by_lane(scripted("applied")))
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


class _Meeting:
    """A call that returns when so many are under way."""

    def __init__(self, number: int) -> None:
        self._barrier = threading.Barrier(number)

    def __call__(self, params: Any, key: str) -> Any:
        self._barrier.wait(PATIENCE_SECONDS)
        return {}


def test_calls_of_different_lanes_go_side_by_side(deploy: Deploy) -> None:
    deploy(_by_lane(mutator(_Meeting(4))))
    for number in range(8):
        send(str(number), f"lane {number % 4}")
    host(at_once=4)

    assert set(_statuses().values()) == {"consumed"}
    assert {run.mutation.status for run in runs() if run.reservations.exists()} == {"applied"}


@pytest.mark.parametrize(
    ("workflow", "of_mutator"),
    [({"lanes_at_once": 2}, {}), ({}, {"calls_at_once": 2})],
    ids=["lanes_at_once", "calls_at_once"],
)
def test_no_more_calls_are_under_way_than_the_policy_says(
    deploy: Deploy, workflow: dict[str, Any], of_mutator: dict[str, Any]
) -> None:
    changed = threading.Lock()
    under_way = 0
    most: list[int] = []
    meets = _Meeting(2)

    def execute(params: Any, key: str) -> Any:
        nonlocal under_way
        with changed:
            under_way += 1
            most.append(under_way)
        meets(params, key)
        with changed:
            under_way -= 1
        return {}

    deploy(_by_lane(mutator(execute, policy=of_mutator), policy=workflow))
    for number in range(6):
        send(str(number), f"lane {number}")
    host(at_once=6)

    assert max(most) <= 3, (
        "one that returns may be replaced before the other has counted itself off"
    )
    assert set(_statuses().values()) == {"consumed"}


def test_a_pending_event_whose_payload_changes_changes_its_lane(deploy: Deploy) -> None:
    deploy(_by_lane(scripted("lost", "applied")))
    send("1", "acme")
    event = send("2", "acme")
    host()
    assert (fresh(event).lane, fresh(event).status) == ("acme", "pending")

    send("2", "other")
    host()
    assert (fresh(event).lane, fresh(event).status) == ("other", "consumed")


def test_a_lane_that_raises_refuses_the_publication(deploy: Deploy) -> None:
    def lane(event: EventRecord) -> str:
        return str(event.payload["supplier"])

    deploy(code(consumer(lane=lane)))
    send("1", {"supplier": "acme"})
    with pytest.raises(LaneRefused, match=r"Ship.*'2'.*KeyError"):
        send("2", {})

    assert [event.lane for event in Event.objects.all()] == ["acme"]


def test_next_that_publishes_what_has_no_lane_fails_its_run(deploy: Deploy) -> None:
    def lane(event: EventRecord) -> str:
        return str(event.payload["supplier"])

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        ctx.publish(SHIPPED, message_id="1", payload={})

    bill = consumer(name="Bill", subscribes=[SHIPPED], publishes=[], lane=lane)
    deploy(code(consumer(next=next), bill))
    send()
    host()

    assert (last_run().status, last_run().failure_kind) == ("failed", "logic")
    assert (status_of("1"), row().topics.get(name=SHIPPED).events.count()) == ("pending", 0)


def _a_publisher_without_the_code() -> AbstractContextManager[None]:
    return registry.override(code(consumer(), version="9.9"))


def test_events_without_a_lane_are_named_before_they_are_offered(deploy: Deploy) -> None:
    lanes: list[str] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        lanes.append(ctx.lane)
        return PrepareResult(ctx.peek(RECEIVED))

    deploy(code(consumer(prepare, lane=by_payload)))
    with _a_publisher_without_the_code():
        event = send("1", "acme")
        assert fresh(event).lane is None, "a publisher without the code can't name it"
    host()

    assert (fresh(event).lane, fresh(event).status) == ("acme", "consumed")
    assert "acme" in lanes
    reasons = fresh(event).history.values_list("history_change_reason", flat=True)
    assert "its lane was named" in reasons


def test_an_event_whose_lane_cannot_be_named_stays_pending_and_holds_nothing_up(
    deploy: Deploy, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def lane(event: EventRecord) -> str:
        asked.append(event.message_id)
        return str(event.payload["supplier"])

    def deployed(version: str) -> None:
        deploy(code(consumer(lane=lane), version=version))

    deployed("1.0")
    with _a_publisher_without_the_code():
        bad = send("1", {})
        good = send("2", {"supplier": "acme"})
    host()
    host(10)

    assert (fresh(bad).lane, fresh(bad).status) == (None, "pending")
    assert (fresh(good).lane, fresh(good).status) == ("acme", "consumed")
    assert asked == ["1", "2"], "it is asked about each once, whoever claims the workflow"
    told = [one for one in caplog.messages if one.startswith("event.lane_refused")]
    assert len(told) == 1
    why = (
        "Ship.lane can't name the lane of event '1' of topic 'order.received': it raised KeyError."
        " It must return a text of at most 200 characters."
    )
    assert told == [f"event.lane_refused event={bad.pk}: {why}"]
    assert (
        why_pending(fresh(bad)) == f"{why} It is asked again for another payload or by other code."
    )

    with _a_publisher_without_the_code():
        send("1", {"supplier": "best"})
    host(20)
    assert (fresh(bad).lane, fresh(bad).status) == ("best", "consumed")
    assert LaneRefusal.objects.count() == 0


def test_other_code_is_asked_again_for_the_lane_that_the_old_one_did_not_name(
    deploy: Deploy,
) -> None:
    def refused(event: EventRecord) -> str:
        raise KeyError("supplier")

    deploy(code(consumer(lane=refused)))
    with _a_publisher_without_the_code():
        event = send("1", {})
    host()
    assert LaneRefusal.objects.get().event == event
    deploy(code(consumer(lane=lambda event: "any"), version="1.1"))
    host(10)

    assert (fresh(event).lane, fresh(event).status) == ("any", "consumed")


def test_another_version_names_the_lanes_of_pending_events_anew(deploy: Deploy) -> None:
    deploy(_by_lane(scripted("lost")))
    send("1", "acme")
    held = send("2", "acme")
    host()
    sync(
        code(
            consumer(mutate=lambda prepared: None, lane=lambda event: event.message_id),
            calls=[scripted("applied")],
            version="1.1",
        )
    )

    assert fresh(held).lane == "2"
    assert Event.objects.get(message_id="1").lane == "acme", "what is reserved stays where it is"


def test_what_another_version_names_goes_on_in_its_new_lane(deploy: Deploy) -> None:
    lost = scripted("lost")
    deploy(_by_lane(lost))
    send("1", "acme")
    held = send("2", "acme")
    host()
    renamed = consumer(lane=lambda event: event.message_id)
    deploy(code(renamed, calls=[lost], version="1.1"))
    host()

    assert (fresh(held).status, last_run().lane, last_run().status) == (
        "consumed",
        "2",
        "committed",
    )
    assert _statuses() == {"1": "reserved", "2": "consumed"}


@pytest.mark.django_db(transaction=True)
def test_what_one_run_publishes_anew_and_another_reserves_in_one_turn_is_called_as_it_is_now(
    deploy: Deploy,
) -> None:
    called: list[str] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED, limit=1)
        return PrepareResult(events, [event.payload["text"] for event in events])

    def execute(params: Any, key: str) -> Any:
        called.append(params["text"])
        if params["text"] == "first":
            # The host begins with it in the turn in which it hears that this call has ended.
            send("2", {"lane": "b", "text": "second"})
        return {}

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        if prepared.data == ["first"]:
            payload = {"lane": "b", "text": "changed"}
            ctx.publish(RECEIVED, message_id="2", payload=payload)

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
    host(at_once=2)

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
