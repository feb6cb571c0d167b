"""What is next: every branch of `plan`, one row each (P2, P3, P8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workflows_app.engine.planner import (
    Begin,
    BreakerView,
    Continue,
    DueReconcile,
    FreeLane,
    LooseRun,
    OwedRetry,
    Plan,
    Reconcile,
    Recover,
    Retry,
    Snapshot,
    plan,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)
PAST = NOW - timedelta(seconds=1)

IDLE = Plan()


def see(**what: Any) -> Snapshot:
    return Snapshot(NOW, **{"room": 9, **what})


def loose(
    *, orphan: bool = False, begun: bool = False, ordered: bool = False, **what: Any
) -> Snapshot:
    run = LooseRun(5, orphan, begun, handler_id=1, is_ordered=ordered)
    return see(loose=(run,), **what)


def owed(due_at: datetime, *, next_only: bool = False, gone: bool = False, **what: Any) -> Snapshot:
    retry = OwedRetry(6, due_at, only_next_is_missing=next_only, handler_id=1, has_handler=not gone)
    return see(retries=(retry,), **what)


def free(
    handler_id: int,
    lane: str = "",
    oldest: int | None = None,
    *,
    wake_at: datetime | None = None,
    polls: bool = False,
) -> FreeLane:
    return FreeLane(handler_id, lane, oldest, wake_at, is_producer=polls)


def lanes(*free_lanes: FreeLane, **what: Any) -> Snapshot:
    return see(lanes=free_lanes, **what)


def paused(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, is_paused=True)


def does(*decisions: Any, look_at: datetime | None = None, has_more: bool = False) -> Plan:
    return Plan(decisions, look_at, has_more)


OPEN = (1, BreakerView(SOON))
OVER = (1, BreakerView(PAST))
TRIED = (1, BreakerView(PAST, is_being_tried=True))

TABLE: dict[str, tuple[Snapshot, Plan]] = {
    "nothing is to do": (see(), IDLE),
    # What has begun is settled first.
    "the run of a dead worker is recovered": (loose(orphan=True), does(Recover(5))),
    "also while paused": (paused(loose(orphan=True)), does(Recover(5))),
    "a run that waits for a worker goes on": (loose(), does(Continue(5))),
    "what began outside goes on while paused": (paused(loose(begun=True)), does(Continue(5))),
    "what began nothing outside waits while paused": (paused(loose()), IDLE),
    "an unknown outcome is asked about when due": (
        see(reconciles=(DueReconcile(5, NOW),)),
        does(Reconcile(5)),
    ),
    "asking goes on while paused": (
        paused(see(reconciles=(DueReconcile(5, PAST),))),
        does(Reconcile(5)),
    ),
    "asking waits for its date": (
        see(reconciles=(DueReconcile(5, SOON), DueReconcile(6, LATER))),
        does(look_at=SOON),
    ),
    # Then what is owed.
    "a retry is made when due": (owed(NOW), does(Retry(6))),
    "a retry waits for its date": (owed(SOON), does(look_at=SOON)),
    "a retry waits while paused": (paused(owed(PAST)), IDLE),
    "next is made up for while paused": (paused(owed(PAST, next_only=True)), does(Retry(6))),
    "a retry without a handler waits for a version": (owed(PAST, gone=True), IDLE),
    "a retry waits for the breaker": (owed(PAST, breakers=(OPEN,)), does(look_at=SOON)),
    "a retry that is due later than the trial waits for its own date": (
        owed(LATER, breakers=(OPEN,)),
        does(look_at=LATER),
    ),
    "a retry can be its trial": (owed(PAST, breakers=(OVER,)), does(Retry(6))),
    "a retry is not a second trial": (owed(PAST, breakers=(TRIED,)), IDLE),
    "next calls nothing, and needs no breaker": (
        owed(PAST, next_only=True, breakers=(OPEN,)),
        does(Retry(6)),
    ),
    # Then something new, unless paused.
    "a backlog is begun": (lanes(free(1, "a", 10)), does(Begin(1, "a"))),
    "a paused workflow begins nothing": (paused(lanes(free(1, "a", 10))), IDLE),
    "each free lane gets a run, the oldest event first": (
        lanes(free(1, "a", 30), free(1, "b", 10), free(1, "c", 20)),
        does(Begin(1, "b"), Begin(1, "c"), Begin(1, "a")),
    ),
    "two consumers of one lane take turns by the oldest event": (
        lanes(free(1, "a", 30), free(2, "a", 10)),
        does(Begin(2, "a")),
    ),
    "a clock wakes a consumer": (lanes(free(1, "a", wake_at=NOW)), does(Begin(1, "a"))),
    "a clock that has not come does not": (lanes(free(1, "a", wake_at=SOON)), does(look_at=SOON)),
    "an event goes before a clock": (
        lanes(free(1, "a", wake_at=PAST), free(2, "a", 10)),
        does(Begin(2, "a")),
    ),
    "consumers go before producers": (
        lanes(free(9, "producer:P", wake_at=PAST, polls=True), free(1, "a", 10)),
        does(Begin(1, "a"), Begin(9, "producer:P")),
    ),
    "so they do where a clock woke both": (
        lanes(free(9, "producer:P", wake_at=PAST, polls=True), free(1, "a", wake_at=NOW)),
        does(Begin(1, "a"), Begin(9, "producer:P")),
    ),
    "the producer that is due longest goes first": (
        lanes(
            free(8, "producer:A", wake_at=NOW, polls=True),
            free(9, "producer:B", wake_at=PAST, polls=True),
        ),
        does(Begin(9, "producer:B"), Begin(8, "producer:A")),
    ),
    "the earliest moment is waited for": (
        lanes(free(1, wake_at=LATER), free(9, "producer:P", wake_at=SOON, polls=True)),
        does(look_at=SOON),
    ),
    # A breaker stops its consumer, and no other.
    "a run that waits for a worker waits for the breaker": (
        loose(breakers=(OPEN,)),
        does(look_at=SOON),
    ),
    "it can be its trial, and leaves none for others": (
        loose(lanes=(free(1, "b", 20),), breakers=(OVER,)),
        does(Continue(5)),
    ),
    "it is not a second trial": (loose(breakers=(TRIED,)), IDLE),
    "what began outside needs no breaker": (loose(begun=True, breakers=(OPEN,)), does(Continue(5))),
    "what a person ordered goes out through it": (
        loose(ordered=True, breakers=(OPEN,)),
        does(Continue(5, is_ordered=True)),
    ),
    "what a person ordered waits while paused": (paused(loose(ordered=True)), IDLE),
    "an open breaker holds its consumer": (
        lanes(free(1, "a", 10), free(2, "b", 20), breakers=(OPEN,)),
        does(Begin(2, "b"), look_at=SOON),
    ),
    "when its time is over one run is let through": (
        lanes(free(1, "a", 10), free(1, "b", 20), breakers=(OVER,)),
        does(Begin(1, "a")),
    ),
    "while that is under way no other is": (lanes(free(1, "a", 10), breakers=(TRIED,)), IDLE),
    "a retry that is the trial leaves none for a new run": (
        owed(PAST, lanes=(free(1, "b", 20),), breakers=(OVER,)),
        does(Retry(6)),
    ),
    # No more than there is room for.
    "what there is no room for comes later": (
        replace(lanes(free(1, "a", 10), free(1, "b", 20)), room=1),
        does(Begin(1, "a"), has_more=True),
    ),
    "what has begun comes before what is new": (
        replace(lanes(free(1, "a", 10), loose=(LooseRun(5, True, False),)), room=1),
        does(Recover(5), has_more=True),
    ),
    "without room nothing is begun": (
        replace(lanes(free(1, "a", 10), free(2, "b", wake_at=SOON)), room=0),
        does(look_at=SOON, has_more=True),
    ),
}


@pytest.mark.parametrize("situation", TABLE)
def test_what_is_next_in_each_situation(situation: str) -> None:
    snapshot, expected = TABLE[situation]

    assert plan(snapshot) == expected
