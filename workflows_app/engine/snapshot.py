"""What the planner looks at, made of what a turn has seen and of what it writes itself (P2, P8).

A run that ends in a turn frees its lane in that very turn, and leaves something in it. So the next run of
a lane begins in the transaction in which the one before it ends.

All dates come from the database's clock. If that was ahead by a day, retries, questions and polls were put off
by a day; once it is right again, a date further away than any that the host sets is taken for now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from workflows_app.engine.case import Changes
from workflows_app.engine.holding import Holding, LaneView
from workflows_app.engine.items import Step, Taken
from workflows_app.engine.planner import BreakerView, FreeLane, Snapshot
from workflows_app.engine.sight import Sight
from workflows_app.models import Breaker, Handler, Run, Workflow
from workflows_app.sdk.handlers import Producer
from workflows_app.sdk.schedules import Cron, Every, due_after_if_known

#: Schedules of an author's own may be due a little earlier or later each time they are asked.
_OWN_SCHEDULES = 2


class Snapshots:
    """The snapshots of the workflows of one turn."""

    def __init__(
        self,
        sight: Sight,
        changes: Changes,
        taken: Taken,
        *,
        doubts_dates: bool = True,
    ) -> None:
        self._sight = sight
        self._changes = changes
        self._now = taken.now
        self._doubts_dates = doubts_dates
        #: The lanes that a snapshot has shown, by handler and lane.
        self.views: dict[tuple[int, str], LaneView] = {}
        #: The runs that came back, by the workflow.
        self._came_back: dict[int, list[Step]] = {}
        for step in taken.steps:
            self._came_back.setdefault(step.hand.holding.id, []).append(step)

    def ended(self, holding: Holding) -> int:
        """Return how many runs of `holding` have left this worker's hands in this turn."""
        return sum(step.has_ended for step in self._steps_of(holding))

    def of(self, holding: Holding, *, room: int) -> Snapshot:
        """Return what there is to choose from in `holding`, with room for so many more runs."""
        work, longest = self._sight.work, holding.longest_backoff
        # A question waits for the search to catch up, too.
        longest_asked = holding.longest_lag + longest
        return Snapshot(
            now=self._now,
            room=room,
            is_paused=holding.workflow.status == Workflow.Status.PAUSED,
            loose=tuple(work.loose.get(holding.id, ())),
            reconciles=tuple(
                replace(one, due_at=self._believed(one.due_at, longest_asked))
                for one in work.reconciles.get(holding.id, ())
            ),
            retries=tuple(
                replace(
                    owed,
                    due_at=self._believed(owed.due_at, longest),
                    has_handler=owed.handler_id in holding.codes,
                )
                for owed in work.retries.get(holding.id, ())
            ),
            lanes=tuple(self._free_lanes(holding)),
            breakers=tuple(self._breakers(holding)),
        )

    def _free_lanes(self, holding: Holding) -> Iterator[FreeLane]:
        found: dict[tuple[int, str], LaneView] = {}
        for pk in holding.codes:
            for view in self._sight.work.ready.get(pk, ()):
                known = found.get((pk, view.lane))
                if known is None or known.oldest_pending is None:
                    found[(pk, view.lane)] = view
        notes = {(note.handler_id, note.lane): note for note in self._changes.notes}
        for lane in self._lanes_freed(holding):
            for view in self._sight.freed.get((holding.id, lane), ()):
                key = (view.handler_id, lane)
                if key[0] in holding.codes:
                    found[key] = replace(view, **vars(notes[key])) if key in notes else view
        for (pk, lane), view in found.items():
            self.views[(pk, lane)] = view
            yield FreeLane(
                pk,
                lane,
                oldest_pending=view.oldest_pending if view.has_news else None,
                wake_at=self._wake_at(holding, view),
                is_producer=holding.handlers[pk].kind == Handler.Kind.PRODUCER,
            )

    def _believed(self, due_at: datetime, longest: timedelta) -> datetime:
        """Return `due_at`, or now if that is further away than the host puts anything of its kind off."""
        is_believed = not self._doubts_dates or due_at - self._now <= longest
        return due_at if is_believed else self._now

    def _wake_at(self, holding: Holding, view: LaneView) -> datetime | None:
        """Return when a lane wakes: a consumer waits no longer than it may, a producer as its schedule says."""
        if not self._doubts_dates or view.wake_at is None or view.wake_at <= self._now:
            return view.wake_at
        code = holding.codes[view.handler_id]
        longest = timedelta(seconds=holding.policy.wake_max_seconds)
        if issubclass(code, Producer):
            schedule = holding.code.schedule_of(code)
            due_at = due_after_if_known(schedule, self._now)
            longest = timedelta.max if due_at is None else due_at - self._now
            if due_at is not None and not isinstance(schedule, Cron | Every):
                longest *= _OWN_SCHEDULES
        return self._believed(view.wake_at, longest)

    def _steps_of(self, holding: Holding) -> list[Step]:
        return self._came_back.get(holding.id, [])

    def _lanes_freed(self, holding: Holding) -> set[str]:
        """Return the lanes whose run has ended in this turn and owes nothing."""
        return {
            step.run.lane
            for step in self._steps_of(holding)
            if step.has_ended and step.run.status not in Run.OPEN and not step.run.owes_retry
        }

    def _breakers(self, holding: Holding) -> Iterator[tuple[int, BreakerView]]:
        for pk, breaker in self._sight.breakers.items():
            if pk not in holding.handlers or breaker.lets_calls_out:
                continue
            ended = {step.run.pk for step in self._steps_of(holding) if step.has_ended}
            under_way = any(
                hand.run.handler_id == pk
                for hand in holding.hands.values()
                if hand.run.pk not in ended
            )
            is_tried = breaker.status == Breaker.Status.HALF_OPEN and under_way
            assert breaker.trial_at is not None
            trial_at = self._believed(breaker.trial_at, holding.longest_backoff)
            yield pk, BreakerView(trial_at, is_being_tried=is_tried)
