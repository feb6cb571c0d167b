"""Choosing the next step of a workflow: a pure function of a snapshot (P2, P3).

The order is the promise. What has begun outside is settled before anything starts, and while a
workflow is blocked or backing off nothing else of it starts. One open run a workflow: lanes would
be added here, and in the constraint `one_open_run_per_workflow`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class OpenRun:
    """The run that is `active`, `reconciling` or `blocked`."""

    id: int
    status: str
    #: Another claim began to execute it, and that claim is over.
    is_orphaned: bool
    #: Its outside call has been sent, or its outcome is settled: it must come to an end.
    has_begun_outside: bool
    reconcile_at: datetime | None = None


@dataclass(frozen=True)
class OwedRetry:
    """The ended run whose work is still to be done; without `due_at` a person or a version says when."""

    run_id: int
    due_at: datetime | None
    #: Its outside effect is settled, only `next` is missing.
    only_next_is_missing: bool
    #: The active version still has its handler.
    has_handler: bool = True


@dataclass(frozen=True)
class ConsumerView:
    handler_id: int
    #: The id of its oldest pending event: the age, among consumers.
    oldest_pending: int | None
    awaits_event: bool
    has_arrival: bool
    wake_at: datetime | None = None

    def is_runnable(self, now: datetime) -> bool:
        """Tell whether `prepare` has something new to look at."""
        backlog = self.oldest_pending is not None and not self.awaits_event
        woken = self.wake_at is not None and self.wake_at <= now
        return backlog or self.has_arrival or woken


@dataclass(frozen=True)
class ProducerView:
    handler_id: int
    due_at: datetime | None


@dataclass(frozen=True)
class Snapshot:
    """All that the choice depends on, read under the workflow's row lock."""

    now: datetime
    is_paused: bool = False
    open_run: OpenRun | None = None
    owed: OwedRetry | None = None
    consumers: tuple[ConsumerView, ...] = ()
    producers: tuple[ProducerView, ...] = ()
    #: The handlers' rows by id, for whoever begins what is chosen. Nothing is chosen by them.
    handlers: Mapping[int, object] = field(default_factory=dict, compare=False, repr=False)


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


@dataclass(frozen=True)
class Retry:
    """Make the retry that this run owes."""

    run_id: int


@dataclass(frozen=True)
class Consume:
    """Start a run of this consumer."""

    handler_id: int


@dataclass(frozen=True)
class Poll:
    """Start a run of this producer."""

    handler_id: int


@dataclass(frozen=True)
class Wait:
    """Nothing to do until `until` (None: until woken); `listens`: an arrival is reason to look."""

    until: datetime | None
    listens: bool


Decision = Recover | Reconcile | Continue | Retry | Consume | Poll | Wait

_HELD = Wait(until=None, listens=False)


def decide(snapshot: Snapshot) -> Decision:
    """Return what is next. No I/O; the same snapshot gives the same decision."""
    if snapshot.open_run is not None:
        return _with_open_run(snapshot.open_run, snapshot)
    if snapshot.owed is not None:
        return _with_owed_retry(snapshot.owed, snapshot)
    if snapshot.is_paused:
        return _HELD
    return _start_something(snapshot)


def _with_open_run(run: OpenRun, snapshot: Snapshot) -> Decision:
    if run.status == "blocked":
        return _HELD
    if run.status == "reconciling":
        if run.reconcile_at is None or run.reconcile_at <= snapshot.now:
            return Reconcile(run.id)
        return Wait(until=run.reconcile_at, listens=False)
    if run.is_orphaned:
        return Recover(run.id)
    if snapshot.is_paused and not run.has_begun_outside:
        return _HELD
    return Continue(run.id)


def _with_owed_retry(owed: OwedRetry, snapshot: Snapshot) -> Decision:
    if snapshot.is_paused and not owed.only_next_is_missing:
        return _HELD
    if owed.due_at is None or not owed.has_handler:
        return _HELD
    if owed.due_at <= snapshot.now:
        return Retry(owed.run_id)
    return Wait(until=owed.due_at, listens=False)


def _start_something(snapshot: Snapshot) -> Decision:
    runnable = [view for view in snapshot.consumers if view.is_runnable(snapshot.now)]
    if runnable:
        # A consumer that only its clock woke comes after those with pending events.
        first = min(runnable, key=lambda view: (view.oldest_pending is None, view.oldest_pending))
        return Consume(first.handler_id)
    due = [view for view in snapshot.producers if view.due_at and view.due_at <= snapshot.now]
    if due:
        return Poll(min(due, key=lambda view: (view.due_at, view.handler_id)).handler_id)
    moments = [view.wake_at for view in snapshot.consumers]
    moments += [view.due_at for view in snapshot.producers]
    return Wait(until=min((at for at in moments if at), default=None), listens=True)
