"""Choosing what is next in a workflow: a pure function of a snapshot (P2, P3, P8).

The order is the promise. What has begun outside is settled before anything starts; in each lane one run
goes after the other; among free lanes the one with the oldest pending event comes first.
"""

from __future__ import annotations

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
    choice = _Choice(now, dict(snapshot.breakers))
    for run in snapshot.loose:
        if run.is_orphaned:
            choice.take(Recover(run.id), now)
    for item in snapshot.reconciles:
        choice.take(Reconcile(item.run_id), item.due_at)
    for run in snapshot.loose:
        if run.is_orphaned or (snapshot.is_paused and not run.has_begun_outside):
            continue
        is_free = run.has_begun_outside or run.is_ordered
        sender = None if is_free else run.handler_id
        choice.take(Continue(run.id, run.is_ordered), now, sender=sender)
    for owed in snapshot.retries:
        if not owed.has_handler or (snapshot.is_paused and not owed.only_next_is_missing):
            continue
        sender = None if owed.only_next_is_missing else owed.handler_id
        choice.take(Retry(owed.run_id), owed.due_at, sender=sender)
    # A handler that only its clock woke comes after those with pending events.
    for lane in () if snapshot.is_paused else sorted(snapshot.lanes, key=_age):
        due_at = lane.wake_at if lane.oldest_pending is None else now
        if due_at is not None:
            choice.take(Begin(lane.handler_id, lane.lane), due_at, sender=lane.handler_id)
    room = max(snapshot.room, 0)
    chosen = choice.decisions
    look_at = min(choice.later, default=None)
    return Plan(tuple(chosen[:room]), look_at, has_more=len(chosen) > room)


class _Choice:
    """What is chosen, in this order, and when something else is due."""

    def __init__(self, now: datetime, breakers: dict[int | None, BreakerView]) -> None:
        self.decisions: list[Decision] = []
        self.later: list[datetime] = []
        self._now = now
        self._breakers = breakers
        self._lanes: set[str] = set()

    def take(self, decision: Decision, due_at: datetime, *, sender: int | None = None) -> None:
        """Choose `decision` if it is due; of those that begin a run, one a lane.

        `sender`: the consumer whose call is sent by it. An open breaker holds that back until a trial is due; what
        is chosen then is the trial, and the only one.
        """
        breaker = self._breakers.get(sender)
        if breaker is not None:
            due_at = max(due_at, breaker.trial_at)
        if due_at > self._now:
            self.later.append(due_at)
            return
        if isinstance(decision, Begin) and decision.lane in self._lanes:
            return
        if breaker is not None:
            if not breaker.lets_one_through(self._now):
                return
            self._breakers[sender] = BreakerView(breaker.trial_at, is_being_tried=True)
        if isinstance(decision, Begin):
            self._lanes.add(decision.lane)
        self.decisions.append(decision)


def _age(item: FreeLane) -> tuple[bool, int, bool, float, int]:
    woken = item.wake_at.timestamp() if item.wake_at else 0.0
    oldest = item.oldest_pending
    return (oldest is None, oldest or 0, item.is_producer, woken, item.handler_id)
