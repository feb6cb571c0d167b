"""The jobs of a host that are under way in threads: starting them, and giving up those whose time is over (P3, P8).

There are places for so many calls, and for as many handlers: a job that finds none waits.
A job whose time is over counts as ended: its run goes on without it, and its thread is left to itself. What
it answers later is kept as evidence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from workflows_app.conf import policy
from workflows_app.engine.handing import Hander, reader_of
from workflows_app.engine.holding import Hand, Holding
from workflows_app.engine.items import Item, Naming, Ready, Step, Waits
from workflows_app.engine.jobs import Job, Worker
from workflows_app.engine.naming import NamingJob
from workflows_app.engine.outcomes import OUTSIDE, Todo
from workflows_app.engine.phases import Prepared
from workflows_app.engine.places import Places
from workflows_app.models import Event


class UnderWay:
    """What threads do for one host. `tell` gets what comes of it, in any thread."""

    def __init__(
        self,
        hander: Hander,
        tell: Callable[[Any], None],
        *,
        at_once: int,
        ran_here: Callable[[], object] | None,
    ) -> None:
        self.calls = Places(at_once, tell)
        self.handlers = Places(at_once, tell)
        self._hander = hander
        self._tell = tell
        #: Authors' handlers run in the host's own thread, and this is called after each.
        self._ran_here = ran_here
        self._jobs: dict[Hand, tuple[Todo, Job]] = {}
        self._naming: dict[Holding, NamingJob] = {}

    @property
    def is_full(self) -> bool:
        return self.calls.are_full or self.handlers.are_full

    def admit(self, item: Item) -> Item | None:
        """Return `item` if its call has a place now, or needs none; else it is told when it has one.

        What is to be given back needs none: its checkpoint sends nothing.
        """
        holding, what = item.hand.holding, item.what
        if not isinstance(what, Prepared) or what.call is None or holding.is_closing:
            return item
        name = what.call.mutator.name
        limit = holding.policy_of(name).calls_at_once
        return item if self.calls.take(item.hand, item, name=name, limit=limit) else None

    def start(self, step: Step, *, now: datetime, began: float | None = None) -> Item | None:
        """Start what a run does next, or when there is a place; return what comes of it, if there is nothing to do.

        `began`: when the turn began in which its checkpoint was written, by `machine_seconds`.
        """
        hand = step.hand
        hand.began_at = now
        if step.todo is Todo.CALL and began is not None:
            hand.send_by = began + policy().lease_seconds
        if not self._has_place(step, now):
            return None
        job = self._hander.job_for(hand, step.todo, now=now)
        if isinstance(job, Item):
            self.calls.give_back(hand)
            return job
        self._jobs[hand] = (step.todo, job)
        self._run(job, is_handler=step.todo not in OUTSIDE)
        return None

    def _has_place(self, step: Step, now: datetime) -> bool:
        if step.todo is Todo.CALL:
            # Since before its checkpoint.
            return True
        asks = step.todo is Todo.ASK
        places = self.calls if asks else self.handlers
        return places.take(step.hand, Ready(step, now), is_urgent=asks)

    def start_naming(self, holding: Holding, events: list[Event]) -> None:
        """Have the lanes of `events` named, unless others of the workflow are being named."""
        if self.names_lanes_of(holding):
            return
        job = NamingJob(holding, events, tell=self._tell, died=partial(self._hander.died, None))
        self._naming[holding] = job
        self._run(job)

    def _run(self, job: Job, *, is_handler: bool = True) -> None:
        if self._ran_here is not None and is_handler:
            job.run()
            self._ran_here()
        else:
            Worker.start(job)

    def names_lanes_of(self, holding: Holding) -> bool:
        return holding in self._naming

    def has_ended(self, hand: Hand | None) -> Todo | None:
        """Note that the job of `hand` has ended; return what it did, if it was known."""
        if hand is None or hand not in self._jobs:
            return None
        todo, _ = self._jobs.pop(hand)
        (self.calls if todo in OUTSIDE else self.handlers).give_back(hand)
        return todo

    def withdraw(self, holding: Holding) -> list[Any]:
        """Let nothing of a workflow wait for a place any more; return what it was to be told."""
        return self.calls.withdraw(holding) + self.handlers.withdraw(holding)

    def drop(self, holding: Holding) -> None:
        """Forget what waits in a workflow that is no longer held. A job under way keeps its place."""
        for places in (self.calls, self.handlers):
            places.drop(holding, busy=self._jobs)
        self.has_named(holding)

    def has_named(self, holding: Holding) -> None:
        """Note that nobody waits for the lanes of a workflow any more."""
        self._naming.pop(holding, None)

    def calling(self) -> set[int]:
        """Return the workflows of which calls are under way."""
        return {hand.holding.id for hand, (todo, _) in self._jobs.items() if todo in OUTSIDE}

    def give_up_overdue(self) -> Iterator[Item | Naming]:
        """Wait no longer for what has taken too long; yield what is to be written of it."""
        now = time.monotonic()
        for hand, (todo, job) in list(self._jobs.items()):
            if job.ends_at <= now:
                answer = job.give_up()
                if answer is not None:
                    yield reader_of(hand, todo)(answer)
        for naming_job in list(self._naming.values()):
            if naming_job.ends_at <= now:
                naming = naming_job.give_up_naming()
                if naming is not None:
                    yield naming

    def waiting(self) -> Iterator[Item]:
        """Yield what is to be written of runs that have waited for a place for a while."""
        yield from (Item(hand, Waits(in_hand=True)) for hand in self.calls.waiting_for_a_while())
        for hand in self.handlers.waiting_for_a_while():
            self.handlers.give_back(hand)
            yield Item(hand, Waits(in_hand=False))

    def moments(self) -> Iterator[float]:
        """Yield when the time of each job is over, and when there is something to write of what waits."""
        yield from (job.ends_at for _, job in self._jobs.values())
        yield from (job.ends_at for job in self._naming.values())
        yield from self.calls.tells_at()
        yield from self.handlers.tells_at()
