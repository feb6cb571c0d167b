"""Reading what runs will probably peek at, in the same round trip in which they begin."""

from __future__ import annotations

from typing import Any

from workflows_app.engine import pending
from workflows_app.engine.contexts import Peek, PrefetchedPeek, habit_of
from workflows_app.engine.items import Step
from workflows_app.models import Event
from workflows_app.models.collecting import ask


class Peeks:
    """What the runs that one turn begins will probably look at."""

    def __init__(self) -> None:
        self._wanted: list[tuple[Step, Peek, pending.Want]] = []
        self._read: Any = None

    def want(self, step: Step) -> None:
        """Have it read for a run whose `prepare` comes next, if its consumer has a habit."""
        holding, run = step.hand.holding, step.run
        consumer = holding.codes.get(run.handler_id)
        habit = habit_of(consumer) if consumer is not None else None
        topic = holding.topics.get(habit.topic) if habit is not None else None
        if habit is not None and topic is not None:
            self._wanted.append((step, habit, pending.Want(topic.pk, run.lane, habit.limit)))

    def ask(self) -> None:
        """Let it be read after all that is written. Needs `collected`."""
        if self._wanted:
            self._read = ask(pending.oldest([want for *_, want in self._wanted]))

    def take(self) -> None:
        """Give what was read to the runs."""
        if self._read is None:
            return
        found: dict[int, list[Event]] = {}
        for event in self._read.rows():
            found.setdefault(event.place, []).append(event)
        for place, (step, habit, _) in enumerate(self._wanted, start=1):
            step.ahead = PrefetchedPeek(habit, found.get(place, []))
