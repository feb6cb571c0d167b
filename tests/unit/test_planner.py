"""What is next: every branch of `decide`, one row each (P2, P3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workflows_app.engine.planner import (
    Consume,
    ConsumerView,
    Continue,
    Decision,
    OpenRun,
    OwedRetry,
    Poll,
    ProducerView,
    Reconcile,
    Recover,
    Retry,
    Snapshot,
    Wait,
    decide,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)
PAST = NOW - timedelta(seconds=1)

HELD = Wait(until=None, listens=False)
IDLE = Wait(until=None, listens=True)

BUSY = (ConsumerView(1, oldest_pending=1, awaits_event=False, has_arrival=True),)
DUE = (ProducerView(9, PAST),)


def open_run(
    status: str, *, is_orphaned: bool = False, begun: bool = False, at: datetime | None = None
) -> OpenRun:
    return OpenRun(5, status, is_orphaned, has_begun_outside=begun, reconcile_at=at)


def with_run(run: OpenRun, *, is_paused: bool = False) -> Snapshot:
    """An open run, while there is plenty else to do."""
    return Snapshot(NOW, is_paused, open_run=run, consumers=BUSY, producers=DUE)


def with_owed(
    due_at: datetime | None, *, next_only: bool = False, gone: bool = False, is_paused: bool = False
) -> Snapshot:
    """An owed retry, while there is plenty else to do."""
    owed = OwedRetry(6, due_at, only_next_is_missing=next_only, has_handler=not gone)
    return Snapshot(NOW, is_paused, owed=owed, consumers=BUSY, producers=DUE)


def consumer(
    handler_id: int,
    oldest: int | None = None,
    *,
    awaits: bool = False,
    arrival: bool = False,
    wake_at: datetime | None = None,
) -> ConsumerView:
    return ConsumerView(handler_id, oldest, awaits, arrival, wake_at)


def idle(*consumers: ConsumerView, producers: tuple[ProducerView, ...] = ()) -> Snapshot:
    return Snapshot(NOW, consumers=consumers, producers=producers)


TABLE: dict[str, tuple[Snapshot, Decision]] = {
    # An open run comes before everything.
    "a blocked run holds all": (with_run(open_run("blocked")), HELD),
    "a blocked run of a dead worker holds all": (
        with_run(open_run("blocked", is_orphaned=True)),
        HELD,
    ),
    "a blocked run holds a paused workflow": (with_run(open_run("blocked"), is_paused=True), HELD),
    "an unknown outcome is asked about when due": (
        with_run(open_run("reconciling", begun=True, at=NOW)),
        Reconcile(5),
    ),
    "an unknown outcome without a date is asked about": (
        with_run(open_run("reconciling", begun=True)),
        Reconcile(5),
    ),
    "asking waits for its date": (
        with_run(open_run("reconciling", begun=True, at=SOON)),
        Wait(until=SOON, listens=False),
    ),
    "asking goes on while paused": (
        with_run(open_run("reconciling", begun=True, at=PAST), is_paused=True),
        Reconcile(5),
    ),
    "asking needs no recovery": (
        with_run(open_run("reconciling", begun=True, at=SOON, is_orphaned=True)),
        Wait(until=SOON, listens=False),
    ),
    "the run of a dead worker is recovered": (
        with_run(open_run("active", is_orphaned=True)),
        Recover(5),
    ),
    "the run of a dead worker is recovered while paused": (
        with_run(open_run("active", is_orphaned=True, begun=True), is_paused=True),
        Recover(5),
    ),
    "a run that waits for a worker goes on": (with_run(open_run("active")), Continue(5)),
    "what began outside goes on while paused": (
        with_run(open_run("active", begun=True), is_paused=True),
        Continue(5),
    ),
    "what began nothing outside waits while paused": (
        with_run(open_run("active"), is_paused=True),
        HELD,
    ),
    # Then an owed retry.
    "a retry is made when due": (with_owed(NOW), Retry(6)),
    "a retry waits for its date": (with_owed(SOON), Wait(until=SOON, listens=False)),
    "a retry without a date waits for a person": (with_owed(None), HELD),
    "a retry without a handler waits for a version": (with_owed(PAST, gone=True), HELD),
    "a retry waits while paused": (with_owed(PAST, is_paused=True), HELD),
    "next is made up for while paused": (
        with_owed(PAST, next_only=True, is_paused=True),
        Retry(6),
    ),
    "next waits for its date while paused": (
        with_owed(SOON, next_only=True, is_paused=True),
        Wait(until=SOON, listens=False),
    ),
    "next without a handler waits for a version": (
        with_owed(PAST, next_only=True, gone=True, is_paused=True),
        HELD,
    ),
    # Then something new, unless paused.
    "a paused workflow starts nothing": (
        Snapshot(NOW, is_paused=True, consumers=BUSY, producers=DUE),
        HELD,
    ),
    "a workflow without handlers listens": (idle(), IDLE),
    "a consumer without events listens": (idle(consumer(1)), IDLE),
    "a backlog is consumed": (idle(consumer(1, 10)), Consume(1)),
    "a backlog that was looked at in vain waits": (idle(consumer(1, 10, awaits=True)), IDLE),
    "an arrival is reason to look again": (
        idle(consumer(1, 10, awaits=True, arrival=True)),
        Consume(1),
    ),
    "an arrival that somebody took meanwhile is looked at too": (
        idle(consumer(1, arrival=True)),
        Consume(1),
    ),
    "a clock wakes a consumer": (idle(consumer(1, awaits=True, wake_at=NOW)), Consume(1)),
    "a clock that has not come does not": (
        idle(consumer(1, 10, awaits=True, wake_at=SOON)),
        Wait(until=SOON, listens=True),
    ),
    "the oldest pending event goes first": (
        idle(consumer(1, 30), consumer(2, 10), consumer(3, 20)),
        Consume(2),
    ),
    "an event goes before a clock": (
        idle(consumer(1, wake_at=PAST, awaits=True), consumer(2, 10)),
        Consume(2),
    ),
    "consumers go before producers": (
        idle(consumer(1, 10), producers=(ProducerView(9, PAST),)),
        Consume(1),
    ),
    "a producer polls when due": (idle(consumer(1), producers=(ProducerView(9, NOW),)), Poll(9)),
    "the producer that is due longest goes first": (
        idle(producers=(ProducerView(8, NOW), ProducerView(9, PAST), ProducerView(7, SOON))),
        Poll(9),
    ),
    "of producers due at once the first made goes first": (
        idle(producers=(ProducerView(9, PAST), ProducerView(8, PAST))),
        Poll(8),
    ),
    "a producer that is never due is not waited for": (
        idle(producers=(ProducerView(9, None),)),
        IDLE,
    ),
    "the earliest moment is waited for": (
        idle(
            consumer(1, wake_at=LATER, awaits=True),
            consumer(2),
            producers=(ProducerView(8, None), ProducerView(9, SOON)),
        ),
        Wait(until=SOON, listens=True),
    ),
    "a consumer's moment counts as a producer's": (
        idle(consumer(1, wake_at=SOON, awaits=True), producers=(ProducerView(9, LATER),)),
        Wait(until=SOON, listens=True),
    ),
}


@pytest.mark.parametrize("situation", TABLE)
def test_the_next_step_in_each_situation(situation: str) -> None:
    snapshot, decision = TABLE[situation]

    assert decide(snapshot) == decision
