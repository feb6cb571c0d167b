"""A host in a thread of its own, as a worker runs it: what it takes, gives back, and waits for (P1, P2, P8)."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from tests.engine.hosts import Door, Start, with_lanes
from tests.engine.stage import (
    RECEIVED,
    SHIPPED,
    Deploy,
    calling,
    code,
    consumer,
    mutator,
    row,
    runs,
    send,
)
from tests.eventually import eventually
from tests.rivals import holding, workflows_held
from workflows_app.dispatch import due_workflows
from workflows_app.engine.advancing import Slice
from workflows_app.engine.host import Host
from workflows_app.models import Arrival, Event, Evidence, Lease, Mutation
from workflows_app.models import Workflow as WorkflowRow
from workflows_app.models.clocks import database_now
from workflows_app.publishing import publish
from workflows_app.sdk import (
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
)


def _sessions() -> int:
    """Return how many sessions the test's database has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


pytestmark = pytest.mark.django_db(transaction=True)


def _statuses(topic: str = RECEIVED) -> dict[str, str]:
    return dict(Event.objects.filter(topic__name=topic).values_list("message_id", "status"))


def test_it_advances_a_workflow_until_nothing_is_due_and_gives_it_back(
    start: Start, deploy: Deploy
) -> None:
    deploy(code(consumer()))
    send("1")
    send("2")
    done = start().take(row().pk).result(timeout=30)

    assert not done.has_more
    assert _statuses() == {"1": "consumed", "2": "consumed"}
    assert row().lease.holder == ""


def test_calls_of_different_lanes_are_under_way_side_by_side(
    start: Start, deploy: Deploy, door: Door
) -> None:
    deploy(with_lanes(door))
    for number in range(8):
        send(str(number))
    done = start(at_once=4).take(row().pk)

    eventually(lambda: (len(door.entered), len(runs())), (4, 6))
    assert Mutation.objects.filter(status="in_flight").count() == 4, "two are prepared ahead"
    door.open()
    done.result(timeout=30)
    assert set(_statuses().values()) == {"consumed"}
    assert (len(set(door.entered)), door.most) == (8, 4)


def test_an_event_that_arrives_while_calls_are_under_way_waits_for_none_of_them(
    start: Start, deploy: Deploy, door: Door
) -> None:
    deploy(with_lanes(door))
    send("first")
    done = start(at_once=4).take(row().pk)
    eventually(lambda: len(door.entered), 1)

    send("second")
    eventually(lambda: len(door.entered), 2)
    door.open()
    done.result(timeout=30)
    assert _statuses() == {"first": "consumed", "second": "consumed"}


@pytest.mark.parametrize(
    "at_once", [1, 2], ids=["no turn looks meanwhile", "a turn looks meanwhile"]
)
def test_an_event_that_arrives_while_its_consumer_finds_nothing_is_looked_at_when_that_has_ended(
    start: Start, deploy: Deploy, door: Door, at_once: int
) -> None:
    def take_pairs(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED, limit=2)
        if len(events) == 2:
            return PrepareResult(events)
        door.call(None, "looked")
        return PrepareResult.nothing()

    deploy(code(consumer(take_pairs)))
    send("1")
    done = start(at_once=at_once).take(row().pk)
    eventually(lambda: len(door.entered), 1)
    send("2")
    if at_once > 1:
        eventually(Arrival.objects.count, 0)
    door.open()

    assert not done.result(timeout=30).has_more
    assert _statuses() == {"1": "consumed", "2": "consumed"}
    assert len(door.entered) == 1


def test_what_one_consumer_publishes_for_another_one_that_waits_is_handled_at_once(
    start: Start, deploy: Deploy
) -> None:
    def take_pairs(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(SHIPPED, limit=2)
        return PrepareResult(events if len(events) == 2 else [])

    def publish_one(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        ctx.publish(SHIPPED, message_id=prepared.reservations[0].message_id, payload=0)

    deploy(
        code(
            consumer(next=publish_one),
            consumer(take_pairs, name="Tell", subscribes=[SHIPPED], publishes=[]),
        )
    )
    host = start()
    send("1")
    assert not host.take(row().pk).result(timeout=30).has_more
    assert _statuses(SHIPPED) == {"1": "pending"}, "it has looked, and waits for another one"
    send("2")
    assert not host.take(row().pk).result(timeout=30).has_more

    assert _statuses(SHIPPED) == {"1": "consumed", "2": "consumed"}


@pytest.mark.parametrize(
    ("policy", "begun"),
    [
        ({"lanes_at_once": 2}, 2),
        ({"calls_at_once": 2}, 8),
        ({"of_mutator": {"calls_at_once": 2}}, 8),
    ],
    ids=["lanes of the workflow", "calls of each of its mutators", "calls of this mutator"],
)
def test_no_more_calls_are_under_way_than_the_policy_says(
    start: Start, deploy: Deploy, door: Door, policy: dict[str, Any], begun: int
) -> None:
    deploy(with_lanes(door, **policy))
    for number in range(8):
        send(str(number))
    done = start(at_once=6).take(row().pk)

    eventually(lambda: len(runs()), begun)
    eventually(lambda: len(door.entered), 2)
    assert Mutation.objects.count() == 2, "what has no place is not in the ledger yet"
    door.open()
    done.result(timeout=30)
    assert (set(_statuses().values()), door.most) == ({"consumed"}, 2)


def test_a_workflow_that_somebody_has_locked_for_long_holds_up_no_other(
    start: Start, deploy: Deploy, door: Door
) -> None:
    deploy(code(consumer()))
    deploy(with_lanes(door, slug="quick"))
    host = start(at_once=2)
    send("1")
    publish(workflow="quick", topic=RECEIVED, message_id="2", payload="a")
    quick = host.take(row("quick").pk)
    eventually(lambda: len(door.entered), 1)
    with workflows_held(row().pk):
        locked = host.take(row().pk)
        door.open()
        quick.result(timeout=30)
        assert not locked.result(timeout=30).has_more
        assert _statuses() == {"1": "pending", "2": "consumed"}

    assert row().pk in due_workflows(database_now()), "the sweep brings it again"
    host.take(row().pk).result(timeout=30)
    assert _statuses() == {"1": "consumed", "2": "consumed"}


def test_an_event_that_an_application_is_writing_holds_up_no_other(
    start: Start, deploy: Deploy, door: Door
) -> None:
    deploy(with_lanes(door))
    for number in ("1", "2"):
        send(number)
    done = start(at_once=2).take(row().pk)
    eventually(lambda: len(door.entered), 2)
    with holding("SELECT FROM workflows_app_event WHERE message_id = '1' FOR UPDATE"):
        door.open()
        eventually(_statuses, {"1": "reserved", "2": "consumed"}, within_seconds=15)

    done.result(timeout=30)
    assert _statuses() == {"1": "consumed", "2": "consumed"}


@pytest.mark.parametrize("table", ["lease", "handler", "topic"])
def test_a_claim_that_needs_a_locked_table_is_put_off(deploy: Deploy, table: str) -> None:
    """A migration locks one for long."""
    deploy(code(consumer()))
    host, pk = Host(at_once=1), row().pk
    with holding(f"LOCK TABLE workflows_app_{table} IN ACCESS EXCLUSIVE MODE"):
        assert not host.claim(pk)

    assert host.claim(pk)


def test_handlers_that_look_for_themselves_share_few_connections(
    start: Start, deploy: Deploy
) -> None:
    """A worker has 64 threads, and a server takes 100 connections of all workers together."""
    all_have_looked = threading.Barrier(12)
    gave_back: list[bool] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.get(RECEIVED, [ctx.lane])
        if all_have_looked.wait(30) == 0:
            # That of the host, and of the thread that counts.
            eventually(lambda: _sessions() - before <= 2, True)
            gave_back.append(True)
        all_have_looked.wait(30)
        return PrepareResult(events)

    deploy(code(consumer(prepare, lane=lambda event: event.message_id)))
    before = _sessions()
    for number in range(12):
        send(str(number))
    start(at_once=12).take(row().pk).result(timeout=30)

    assert gave_back == [True]
    assert set(_statuses().values()) == {"consumed"}


def test_a_workflow_that_comes_after_the_host_s_end_is_left_to_others(
    start: Start, deploy: Deploy
) -> None:
    deploy(code(consumer()))
    host = start()
    host.stop(within_seconds=10)
    send("1")

    assert host.take(row().pk).result(timeout=10) == Slice(0, has_more=True)
    assert _statuses() == {"1": "pending"}


def test_what_hangs_is_not_waited_for_beyond_the_limit_and_nobody_takes_it_over_meanwhile(
    start: Start, deploy: Deploy, door: Door
) -> None:
    deploy(calling(mutator(door.call)))
    send()
    host = start()
    host.take(row().pk)
    eventually(lambda: len(door.entered), 1)

    assert host.stop(within_seconds=0.2) is False
    assert row().lease.holder != ""
    assert Mutation.objects.get().status == "in_flight"


def test_a_workflow_that_somebody_has_locked_holds_up_no_other(
    start: Start, deploy: Deploy, door: Door
) -> None:
    deploy(with_lanes(door))
    deploy(code(consumer(), slug="other"))
    send("1")
    publish(workflow="other", topic=RECEIVED, message_id="2", payload="a")
    host = start(at_once=4)
    done = host.take(row().pk)
    eventually(lambda: len(door.entered), 1)

    with transaction.atomic():
        WorkflowRow.objects.select_for_update().get(pk=row().pk)
        assert not host.take(row("other").pk).result(timeout=30).has_more
        door.open()
    assert not done.result(timeout=30).has_more
    assert _statuses() == {"1": "consumed", "2": "consumed"}


def test_what_is_locked_when_it_stops_keeps_its_claim_and_the_others_are_given_back(
    start: Start, deploy: Deploy
) -> None:
    for name in ("one", "other"):
        deploy(code(consumer(), slug=name))
        publish(workflow=name, topic=RECEIVED, message_id=name, payload="a")
    host = start(at_once=12)
    host.linger_seconds = 60
    done = [host.take(row(name).pk) for name in ("one", "other")]
    eventually(_statuses, {"one": "consumed", "other": "consumed"})

    lease = "SELECT FROM workflows_app_lease WHERE workflow_id = %s FOR UPDATE"
    with workflows_held(row("one").pk), holding(lease, row("one").pk):
        host.stop(within_seconds=0)
        assert all(one.result(timeout=1) for one in done)
        assert (row("one").lease.holder != "", row("other").lease.holder) == (True, "")


def test_a_late_answer_of_a_workflow_that_somebody_has_locked_holds_up_no_other(
    start: Start, deploy: Deploy, door: Door
) -> None:
    for name in ("one", "other"):
        deploy(with_lanes(door, slug=name))
        publish(workflow=name, topic=RECEIVED, message_id=name, payload="a")
    host = start(at_once=4)
    _, done = [host.take(row(name).pk) for name in ("one", "other")]
    eventually(lambda: len(door.entered), 2)
    Lease.objects.filter(workflow=row("one")).update(token=7)
    eventually(lambda: list(host.holdings), [row("other").pk])

    with workflows_held(row("one").pk):
        door.open()
        assert not done.result(timeout=10).has_more
    eventually(lambda: [(one.kind, one.verdict) for one in _evidence("one")], [("late", "applied")])


def _evidence(slug: str) -> Any:
    return Evidence.objects.filter(mutation__run__workflow__slug=slug)


def test_answers_of_several_that_somebody_has_locked_are_all_kept(
    start: Start, deploy: Deploy, door: Door
) -> None:
    names, turns = ("one", "other"), set()
    for name in names:
        deploy(with_lanes(door, slug=name))
        publish(workflow=name, topic=RECEIVED, message_id=name, payload="a")
    host = start(at_once=4)
    done = [host.take(row(name).pk) for name in names]
    eventually(lambda: len(door.entered), 2)

    def have_turns_come() -> bool:
        turns.add(tuple(held.seen_at for held in host.holdings.values()))
        return len(turns) > 20

    with transaction.atomic():
        list(WorkflowRow.objects.select_for_update())
        door.open()
        eventually(have_turns_come, True)
    assert not any(one.result(timeout=30).has_more for one in done)
    assert _statuses() == {"one": "consumed", "other": "consumed"}


def test_a_call_that_outlived_a_fault_of_its_host_is_neither_asked_about_nor_sent_again_meanwhile(
    start: Start, deploy: Deploy, door: Door, settings: Settings
) -> None:
    settings.WORKFLOWS = {"slice_seconds": 0.01}
    faults = [RuntimeError("a fault of ours")]

    def others_wait() -> bool:
        if door.entered and faults:
            raise faults.pop()
        return False

    deploy(calling(mutator(door.call, reconcile=lambda params, key: pytest.fail("asked"))))
    send()
    host = start(at_once=1, others_wait=others_wait)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        host.take(row().pk).result(timeout=30)

    again = host.take(row().pk).result(timeout=30)
    assert (again, len(door.entered)) == (Slice(0, has_more=False), 1)
    assert not Evidence.objects.exists()
