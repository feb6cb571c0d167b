"""What holds of `plan` in any situation: one run a lane, nothing new while paused (P2, P3, P8)."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from workflows_app.engine.planner import (
    Begin,
    BreakerView,
    Continue,
    Decision,
    DueReconcile,
    FreeLane,
    LooseRun,
    OwedRetry,
    Reconcile,
    Recover,
    Retry,
    Snapshot,
    plan,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MOMENTS = st.integers(-3, 3).map(lambda minutes: NOW + timedelta(minutes=minutes))
BOOLEANS = st.booleans()
HANDLERS = st.integers(1, 4)

LOOSE = st.builds(
    LooseRun,
    id=st.integers(1, 9),
    is_orphaned=BOOLEANS,
    has_begun_outside=BOOLEANS,
)
RECONCILES = st.builds(DueReconcile, run_id=st.integers(11, 19), due_at=MOMENTS)
RETRIES = st.builds(
    OwedRetry,
    run_id=st.integers(21, 29),
    due_at=MOMENTS,
    only_next_is_missing=BOOLEANS,
    handler_id=HANDLERS,
    has_handler=BOOLEANS,
)
LANES = st.builds(
    FreeLane,
    handler_id=HANDLERS,
    lane=st.sampled_from(["", "a", "b"]),
    oldest_pending=st.none() | st.integers(1, 5),
    wake_at=st.none() | MOMENTS,
    is_producer=BOOLEANS,
)
BREAKERS = st.builds(BreakerView, trial_at=MOMENTS, is_being_tried=BOOLEANS)


def some(each: st.SearchStrategy, *by: str) -> st.SearchStrategy:
    """Return tuples of what `each` gives, no two of which have the same `by`."""
    unique = {"unique_by": lambda one: tuple(getattr(one, name) for name in by)} if by else {}
    return st.lists(each, max_size=4, **unique).map(tuple)


SNAPSHOTS = st.builds(
    Snapshot,
    now=st.just(NOW),
    room=st.integers(0, 6),
    is_paused=BOOLEANS,
    loose=some(LOOSE, "id"),
    reconciles=some(RECONCILES, "run_id"),
    retries=some(RETRIES, "run_id"),
    lanes=some(LANES, "handler_id", "lane"),
    breakers=st.dictionaries(HANDLERS, BREAKERS, max_size=3).map(
        lambda found: tuple(found.items())
    ),
)

always = settings(max_examples=250, derandomize=True, database=None, deadline=None)


def caller(decision: Decision, snapshot: Snapshot) -> int | None:
    """Return the handler that the step lets make a call which was not sent before, if it does."""
    if isinstance(decision, Begin):
        return decision.handler_id
    if isinstance(decision, Retry):
        (owed,) = [one for one in snapshot.retries if one.run_id == decision.run_id]
        return None if owed.only_next_is_missing else owed.handler_id
    return None


@always
@given(SNAPSHOTS)
def test_no_lane_gets_two_runs(snapshot: Snapshot) -> None:
    begun = Counter(one.lane for one in plan(snapshot).decisions if isinstance(one, Begin))

    assert all(number == 1 for number in begun.values())


@always
@given(SNAPSHOTS)
def test_nothing_new_is_sent_while_paused(snapshot: Snapshot) -> None:
    decisions = plan(replace(snapshot, is_paused=True)).decisions

    assert not [one for one in decisions if caller(one, snapshot) is not None]
    begun = {run.id for run in snapshot.loose if run.has_begun_outside or run.is_orphaned}
    assert {one.run_id for one in decisions if isinstance(one, Continue)} <= begun


@always
@given(SNAPSHOTS)
def test_a_breaker_that_is_not_closed_lets_one_call_through_at_most(snapshot: Snapshot) -> None:
    callers = Counter(caller(one, snapshot) for one in plan(snapshot).decisions)

    for handler_id, breaker in snapshot.breakers:
        assert callers[handler_id] <= int(breaker.lets_one_through(NOW))


@always
@given(SNAPSHOTS)
def test_no_more_is_begun_than_there_is_room_for(snapshot: Snapshot) -> None:
    found, all_of_it = plan(snapshot), plan(replace(snapshot, room=100))

    assert found.decisions == all_of_it.decisions[: snapshot.room]
    assert found.has_more == (len(all_of_it.decisions) > snapshot.room)
    assert found.look_at == all_of_it.look_at


@always
@given(SNAPSHOTS)
def test_a_decision_is_about_what_is_there_and_due(snapshot: Snapshot) -> None:
    loose = {run.id: run for run in snapshot.loose}
    for decision in plan(snapshot).decisions:
        match decision:
            case Recover(run_id):
                assert loose[run_id].is_orphaned
            case Continue(run_id):
                assert not loose[run_id].is_orphaned
            case Reconcile(run_id):
                assert (
                    next(one for one in snapshot.reconciles if one.run_id == run_id).due_at <= NOW
                )
            case Retry(run_id):
                assert next(one for one in snapshot.retries if one.run_id == run_id).due_at <= NOW
            case Begin(handler_id, lane):
                found = [o for o in snapshot.lanes if (o.handler_id, o.lane) == (handler_id, lane)]
                is_woken = found[0].wake_at is not None and found[0].wake_at <= NOW
                assert found[0].oldest_pending is not None or is_woken


@always
@given(SNAPSHOTS)
def test_the_same_snapshot_gives_the_same_plan_in_whatever_order_it_is_listed(
    snapshot: Snapshot,
) -> None:
    assert plan(snapshot) == plan(copy.deepcopy(snapshot))
    # Two consumers of one topic do not exist, so no two have the same oldest event.
    ages = [(one.oldest_pending, one.wake_at, one.handler_id) for one in snapshot.lanes]
    oldest = [age for age, _, _ in ages if age is not None]
    if len(set(oldest)) == len(oldest) and len(set(ages)) == len(ages):
        backwards = replace(snapshot, lanes=snapshot.lanes[::-1])
        assert set(plan(replace(backwards, room=100)).decisions) == set(
            plan(replace(snapshot, room=100)).decisions
        )


@always
@given(SNAPSHOTS)
def test_whoever_is_told_when_to_look_again_finds_something_then(snapshot: Snapshot) -> None:
    """Whoever waited until a moment that has passed would wait in a circle."""
    found = plan(snapshot)

    assert found.look_at is None or found.look_at > NOW
    if found.look_at is not None and not found.decisions:
        later = plan(replace(snapshot, now=found.look_at, room=100))
        assert later.decisions or snapshot.room == 0 or later.look_at != found.look_at
