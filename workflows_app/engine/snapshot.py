"""What the planner looks at, made of what a turn has seen and of what it writes itself (P2, P8).

A run that ends in a turn frees its lane in that very turn, and leaves something in it. So the next run of
a lane begins in the transaction in which the one before it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from workflows_app.engine.beliefs import Beliefs
from workflows_app.engine.case import Changes
from workflows_app.engine.holding import Holding, LaneView
from workflows_app.engine.items import Step, Taken
from workflows_app.engine.planner import BreakerView, FreeLane, Snapshot
from workflows_app.engine.sight import Sight
from workflows_app.models import Breaker, Handler, Run, Workflow


class Snapshots:
    """The snapshots of the workflows of one turn."""

    def __init__(
        self,
        sight: Sight,
        changes: Changes,
        taken: Taken,
        now: datetime,
        *,
        doubts_dates: bool = True,
    ) -> None:
        self._sight = sight
        self._changes = changes
        self._now = now
        #: A date further away than any that the host sets is taken for now.
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
        work, beliefs = self._sight.work, Beliefs(holding, self._now, doubts=self._doubts_dates)
        return Snapshot(
            now=self._now,
            room=room,
            is_paused=holding.workflow.status == Workflow.Status.PAUSED,
            loose=work.loose_runs(holding),
            reconciles=tuple(beliefs.reconciles(work.reconciles.get(holding.id, ()))),
            retries=tuple(
                replace(beliefs.retry(owed), has_handler=owed.handler_id in holding.codes)
                for owed in work.retries.get(holding.id, ())
            ),
            lanes=tuple(self._free_lanes(holding, beliefs)),
            breakers=tuple((pk, beliefs.breaker(view)) for pk, view in self._breakers(holding)),
        )

    def _free_lanes(self, holding: Holding, beliefs: Beliefs) -> Iterator[FreeLane]:
        handlers = {pk: holding.handlers[pk] for pk in holding.codes}
        found: dict[tuple[int, str], tuple[LaneView, bool]] = {}
        for pk in handlers:
            for view in self._sight.work.ready.get(pk, ()):
                known = found.get((pk, view.lane))
                if known is None or known[0].oldest_pending is None:
                    found[(pk, view.lane)] = (view, True)
        notes = {(note.handler_id, note.lane): note for note in self._changes.notes}
        for lane in self._lanes_freed(holding):
            for freed in self._sight.freed.get((holding.id, lane), ()):
                key = (freed.view.handler_id, lane)
                view, seen = freed.view, freed.seen
                note = notes.get(key)
                if note is not None:
                    arrivals, oldest = view.arrivals, view.oldest_pending
                    failures = note.failures
                    view = LaneView(*key, note.state, arrivals, failures, oldest, note.wake_at)
                    seen = note.seen
                if key[0] in handlers:
                    found[key] = (view, seen is None or seen != view.arrivals)
        for (pk, lane), (view, has_news) in found.items():
            self.views[(pk, lane)] = view
            yield FreeLane(
                pk,
                lane,
                oldest_pending=view.oldest_pending if has_news else None,
                wake_at=beliefs.lane(view).wake_at,
                is_producer=handlers[pk].kind == Handler.Kind.PRODUCER,
            )

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
            yield pk, BreakerView(breaker.trial_at, is_being_tried=is_tried)
