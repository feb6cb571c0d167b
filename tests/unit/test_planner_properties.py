"""What holds of `decide` in any situation: nothing starts while something holds the workflow (P2, P3)."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

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
MOMENTS = st.integers(-3, 3).map(lambda minutes: NOW + timedelta(minutes=minutes))
BOOLEANS = st.booleans()

OPEN_RUNS = st.builds(
    OpenRun,
    id=st.just(5),
    status=st.sampled_from(["active", "reconciling", "blocked"]),
    is_orphaned=BOOLEANS,
    has_begun_outside=BOOLEANS,
    reconcile_at=st.none() | MOMENTS,
)
OWED = st.builds(
    OwedRetry,
    run_id=st.just(6),
    due_at=st.none() | MOMENTS,
    only_next_is_missing=BOOLEANS,
    has_handler=BOOLEANS,
)
CONSUMERS = st.builds(
    ConsumerView,
    handler_id=st.integers(1, 9),
    oldest_pending=st.none() | st.integers(1, 5),
    awaits_event=BOOLEANS,
    has_arrival=BOOLEANS,
    wake_at=st.none() | MOMENTS,
)
PRODUCERS = st.builds(ProducerView, handler_id=st.integers(11, 19), due_at=st.none() | MOMENTS)
SNAPSHOTS = st.builds(
    Snapshot,
    now=st.just(NOW),
    is_paused=BOOLEANS,
    open_run=st.none() | OPEN_RUNS,
    owed=st.none() | OWED,
    consumers=st.lists(CONSUMERS, max_size=3, unique_by=lambda each: each.handler_id).map(tuple),
    producers=st.lists(PRODUCERS, max_size=3, unique_by=lambda each: each.handler_id).map(tuple),
)

always = settings(
    max_examples=250,
    derandomize=True,
    database=None,
    deadline=None,
)


def starts_something(decision: Decision) -> bool:
    return isinstance(decision, Consume | Poll)


def may_send(decision: Decision, snapshot: Snapshot) -> bool:
    """Tell whether the step may lead to an outside call that was not sent before."""
    if isinstance(decision, Continue):
        return snapshot.open_run is not None and not snapshot.open_run.has_begun_outside
    if isinstance(decision, Retry):
        return snapshot.owed is not None and not snapshot.owed.only_next_is_missing
    return starts_something(decision)


@always
@given(SNAPSHOTS)
def test_nothing_starts_while_something_holds_the_workflow(snapshot: Snapshot) -> None:
    decision = decide(snapshot)

    if snapshot.open_run or snapshot.owed or snapshot.is_paused:
        assert not starts_something(decision)
    if snapshot.is_paused:
        assert not may_send(decision, snapshot)
    if snapshot.open_run is not None and snapshot.open_run.status == "blocked":
        assert decision == Wait(until=None, listens=False)


@always
@given(SNAPSHOTS)
def test_the_same_snapshot_gives_the_same_decision(snapshot: Snapshot) -> None:
    first, again = decide(snapshot), decide(copy.deepcopy(snapshot))

    assert first == again == decide(snapshot)


@always
@given(SNAPSHOTS)
def test_the_order_in_which_handlers_are_listed_does_not_matter(snapshot: Snapshot) -> None:
    reversed_lists = replace(
        snapshot, consumers=snapshot.consumers[::-1], producers=snapshot.producers[::-1]
    )
    # Two consumers of one topic do not exist, so no two have the same oldest event.
    ages = [view.oldest_pending for view in snapshot.consumers if view.is_runnable(NOW)]
    if len(set(ages)) == len(ages):
        assert decide(reversed_lists) == decide(snapshot)


@always
@given(SNAPSHOTS)
def test_a_decision_is_about_what_is_there(snapshot: Snapshot) -> None:
    match decide(snapshot):
        case Recover(run_id) | Reconcile(run_id) | Continue(run_id):
            assert snapshot.open_run is not None
            assert snapshot.open_run.id == run_id
        case Retry(run_id):
            assert snapshot.owed is not None
            assert snapshot.owed.run_id == run_id
            assert snapshot.owed.due_at is not None
            assert snapshot.owed.due_at <= NOW
        case Consume(handler_id):
            (view,) = [each for each in snapshot.consumers if each.handler_id == handler_id]
            assert view.is_runnable(NOW)
        case Poll(handler_id):
            (producer,) = [each for each in snapshot.producers if each.handler_id == handler_id]
            assert producer.due_at is not None
            assert producer.due_at <= NOW
        case Wait(until, listens):
            # Whoever waits until a moment that has passed would wait in a circle.
            assert until is None or until > NOW
            held = snapshot.open_run or snapshot.owed or snapshot.is_paused
            assert listens == (not held)


@always
@given(SNAPSHOTS)
def test_time_alone_brings_on_whatever_is_waited_for(snapshot: Snapshot) -> None:
    decision = decide(snapshot)

    if isinstance(decision, Wait) and decision.until is not None:
        assert not isinstance(decide(replace(snapshot, now=decision.until)), Wait)
