"""Choosing what is next in a workflow: a pure function of a snapshot (P2, P3, P8).

The order is the promise. What has begun outside is settled before anything starts; in each lane one run
goes after the other; among free lanes the one with the oldest pending event comes first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class LooseRun:
    """An active run that is in nobody's hands."""

    id: int
    #: Another claim began to execute it, and that claim is over.
    is_orphaned: bool
    #: Its outside call has been sent, or its outcome is settled: it must come to an end.
    has_begun_outside: bool
    handler_id: int = 0
    #: A person has ordered its call: no breaker holds it back.
    is_ordered: bool = False


@dataclass(frozen=True)
class DueReconcile:
    """A run whose outcome is unknown, and when the outside system is to be asked."""

    run_id: int
    due_at: datetime


@dataclass(frozen=True)
class OwedRetry:
    """An ended run whose work is still to be done at `due_at`."""

    run_id: int
    due_at: datetime
    #: Its outside effect is settled, only `next` is missing.
    only_next_is_missing: bool
    handler_id: int = 0
    #: The code has its handler.
    has_handler: bool = True


@dataclass(frozen=True)
class FreeLane:
    """A lane without an open run or an owed retry, and one handler that has something to do there."""

    handler_id: int
    lane: str
    #: The id of the oldest pending event that the handler has not just left; its age, among consumers.
    oldest_pending: int | None = None
    #: When a producer polls, or a consumer looks again without an event.
    wake_at: datetime | None = None
    is_producer: bool = False


@dataclass(frozen=True)
class BreakerView:
    """A breaker that is not closed."""

    trial_at: datetime
    #: A trial is under way.
    is_being_tried: bool = False

    def lets_one_through(self, now: datetime) -> bool:
        return self.trial_at <= now and not self.is_being_tried


@dataclass(frozen=True)
class Snapshot:
    """All that the choice depends on, read under the workflow's row lock."""

    now: datetime
    #: How many more runs may be begun.
    room: int = 1
    is_paused: bool = False
    loose: tuple[LooseRun, ...] = ()
    reconciles: tuple[DueReconcile, ...] = ()
    retries: tuple[OwedRetry, ...] = ()
    lanes: tuple[FreeLane, ...] = ()
    #: By handler; one that is not here is closed.
    breakers: tuple[tuple[int, BreakerView], ...] = ()


@dataclass(frozen=True)
class Recover:
    """The worker of this run is gone: decide by the ledger."""

    run_id: int


@dataclass(frozen=True)
class Reconcile:
    """Ask the outside system about this run's mutation."""

    run_id: int


@dataclass(frozen=True)
class Continue:
    """Go on with this run from where it stands."""

    run_id: int
    #: A person has ordered its call.
    is_ordered: bool = False


@dataclass(frozen=True)
class Retry:
    """Make the retry that this run owes."""

    run_id: int


@dataclass(frozen=True)
class Begin:
    """Start a run of this handler in this lane."""

    handler_id: int
    lane: str


Decision = Recover | Reconcile | Continue | Retry | Begin


@dataclass(frozen=True)
class Plan:
    """What to begin now, in this order, and when to look again if nothing happens before."""

    decisions: tuple[Decision, ...] = ()
    look_at: datetime | None = None
    #: There was not room for all.
    has_more: bool = False


def plan(snapshot: Snapshot) -> Plan:
    """Return what is next. No I/O; the same snapshot gives the same plan."""
    now = snapshot.now
    breakers = dict(snapshot.breakers)
    decisions: list[Decision] = [Recover(run.id) for run in snapshot.loose if run.is_orphaned]
    decisions += [Reconcile(item.run_id) for item in snapshot.reconciles if item.due_at <= now]
    later: list[datetime] = [item.due_at for item in snapshot.reconciles if item.due_at > now]
    for run in snapshot.loose:
        if run.is_orphaned or (snapshot.is_paused and not run.has_begun_outside):
            continue
        is_free = run.has_begun_outside or run.is_ordered
        breaker = None if is_free else breakers.get(run.handler_id)
        if breaker is not None and breaker.trial_at > now:
            later.append(breaker.trial_at)
        elif is_free or _lets_out(breakers, run.handler_id, now):
            decisions.append(Continue(run.id, run.is_ordered))
    for owed in snapshot.retries:
        if not owed.has_handler or (snapshot.is_paused and not owed.only_next_is_missing):
            continue
        breaker = None if owed.only_next_is_missing else breakers.get(owed.handler_id)
        due_at = owed.due_at if breaker is None else max(owed.due_at, breaker.trial_at)
        if due_at > now:
            later.append(due_at)
        elif owed.only_next_is_missing or _lets_out(breakers, owed.handler_id, now):
            decisions.append(Retry(owed.run_id))
    if not snapshot.is_paused:
        starts, moments = _starting(snapshot.lanes, breakers, now)
        decisions += starts
        later += moments
    room = max(snapshot.room, 0)
    return Plan(tuple(decisions[:room]), min(later, default=None), has_more=len(decisions) > room)


def _lets_out(breakers: dict[int, BreakerView], handler_id: int, now: datetime) -> bool:
    """Tell whether a run of the consumer may send its call; if its breaker is open, it is the trial then."""
    breaker = breakers.get(handler_id)
    if breaker is None:
        return True
    if not breaker.lets_one_through(now):
        return False
    breakers[handler_id] = BreakerView(breaker.trial_at, is_being_tried=True)
    return True


def _starting(
    lanes: Iterable[FreeLane], breakers: dict[int, BreakerView], now: datetime
) -> tuple[list[Decision], list[datetime]]:
    """Return what to start, one run a lane, and when something else is due."""
    starts: list[Decision] = []
    later: list[datetime] = []
    taken: set[str] = set()
    # A handler that only its clock woke comes after those with pending events.
    for item in sorted(lanes, key=_age):
        is_woken = item.wake_at is not None and item.wake_at <= now
        if item.oldest_pending is None and not is_woken:
            if item.wake_at is not None:
                later.append(item.wake_at)
            continue
        breaker = breakers.get(item.handler_id)
        if breaker is not None and breaker.trial_at > now:
            later.append(breaker.trial_at)
            continue
        if item.lane in taken or not _lets_out(breakers, item.handler_id, now):
            continue
        starts.append(Begin(item.handler_id, item.lane))
        taken.add(item.lane)
    return starts, later


def _age(item: FreeLane) -> tuple[bool, int, bool, float, int]:
    woken = item.wake_at.timestamp() if item.wake_at else 0.0
    oldest = item.oldest_pending
    return (oldest is None, oldest or 0, item.is_producer, woken, item.handler_id)
