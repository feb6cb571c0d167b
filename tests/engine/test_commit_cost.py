"""What an event costs: two commits that wait for the disk, whatever the size of the history.

One before the call leaves, one when its outcome is known (P1); all others may be lost and are
replayed. And six round trips. Also what costs nothing: looking, polling, waiting.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction

from tests.engine.commits import commits_that_wait, round_trips
from tests.engine.stage import (
    RECEIVED,
    SHIPPED,
    Deploy,
    after,
    calling,
    code,
    consumer,
    empty,
    host,
    last_run,
    mutator,
    producer,
    row,
    runs,
    send,
)
from tests.jobs import empty_queue
from workflows_app.engine.claims import MAY_BE_LOST, setting
from workflows_app.models import Lease
from workflows_app.sdk import MutationOutcome, NextContext, PrepareResult, Workflow
from workflows_app.testing import scripted
from workflows_app.waking import defer_advance

pytestmark = pytest.mark.django_db(transaction=True)


def _publish(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
    ctx.publish(SHIPPED, message_id=prepared.reservations[0].message_id, payload=outcome.result)
    return outcome.result


@pytest.mark.parametrize("earlier", [0, 6])
def test_an_event_costs_two_commits_that_wait(deploy: Deploy, earlier: int) -> None:
    called = scripted("applied")
    deploy(calling(called, _publish))
    for number in range(earlier):
        send(f"earlier {number}")
    host()
    for number in range(3):
        send(str(number))
    with commits_that_wait() as waited:
        host()

    assert [run.status for run in runs()] == ["committed"] * (earlier + 3)
    assert len(waited) == 2 * 3


def test_an_event_costs_six_round_trips_to_the_database(deploy: Deploy) -> None:
    """Three turns, each of which reads and writes once: begin, checkpoint, outcome."""
    deploy(calling(scripted("applied"), lambda ctx, prepared, outcome: None))

    def cost(events: int) -> int:
        for _ in range(events):
            send(str(next(numbers)))
        return round_trips(host)

    numbers = count()
    # A statement is prepared when it has come a few times, which takes a round trip.
    cost(20)

    assert cost(9) - cost(5) == 6 * 4


def test_to_wake_a_worker_costs_one_round_trip_whether_a_job_waits_or_not(deploy: Deploy) -> None:
    deploy(code(consumer()))
    pk, told, cost = row().pk, [], {True: 0, False: 0}
    for _ in range(10):
        empty_queue()
        for is_new in (True, False):
            cost[is_new] = round_trips(lambda: told.append(defer_advance(pk)))
    assert told == [True, False] * 10
    assert cost == {True: 1, False: 1}


def test_one_waits_before_the_call_leaves_and_one_before_next(deploy: Deploy) -> None:
    so_far: dict[str, int] = {}

    def execute(params: Any, key: str) -> Any:
        so_far["execute"] = len(waited)
        return {}

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        so_far["next"] = len(waited)

    deploy(calling(mutator(execute), next))
    send()
    with commits_that_wait() as waited:
        host()

    assert (so_far, len(waited)) == ({"execute": 1, "next": 2}, 2)


def _without_a_call() -> type[Workflow]:
    return code(consumer(next=_publish))


def _that_looks() -> type[Workflow]:
    return code(consumer(empty))


def _that_polls() -> type[Workflow]:
    poll = producer(lambda ctx, state: ctx.publish(RECEIVED, message_id="polled", payload=0))
    nobody = consumer(name="Nobody", subscribes=[SHIPPED], publishes=())
    return code(poll, nobody)


COSTS = {
    "an event without a call": (_without_a_call, 1),
    "a look that finds nothing to do": (_that_looks, 0),
    "a poll": (_that_polls, 0),
}


@pytest.mark.parametrize("what", COSTS)
def test_what_sends_nothing_costs_less(deploy: Deploy, what: str) -> None:
    build, cost = COSTS[what]
    deploy(build())
    send()
    with commits_that_wait() as waited:
        host()

    assert last_run().status == "committed"
    assert len(waited) == cost


def test_a_host_with_nothing_to_do_costs_nothing(deploy: Deploy) -> None:
    deploy(code(consumer()))
    host()
    with commits_that_wait() as waited:
        assert host() == 0

    assert waited == []


def test_the_count_sees_what_waits_and_only_that(deploy: Deploy) -> None:
    deploy(code(consumer()))
    lease = Lease.objects.get()

    def lock() -> None:
        Lease.objects.select_for_update().get()

    def write() -> None:
        lease.save(update_fields=["next_due_at"])

    def lose() -> None:
        setting(MAY_BE_LOST).execute()
        write()

    counts: dict[str, int] = {}
    lease.next_due_at = after(1)
    for act in (lock, write, lose, Lease.objects.count):
        with commits_that_wait() as waited:
            with transaction.atomic():
                act()
            counts[act.__name__] = len(waited)

    assert counts == {"lock": 1, "write": 1, "lose": 0, "count": 0}
    assert type(connection.connection).__name__ == "Connection"
