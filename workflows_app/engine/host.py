"""The loop of a worker: gather what came back, take a turn, hand out what follows (P1, P2, P8).

A host is one thread. It claims workflows, and for all that it holds takes turns (`engine.turn`). Threads
run authors' code and outside calls (`engine.jobs`), and put what came of it into the host's inbox. While
one turn commits, the next one gathers: at light load a turn is about one run and waits for nobody, under
load many runs share a lock, a round trip and an fsync.

In tests the host runs in the calling thread, and handlers with it.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any

from workflows_app import registry
from workflows_app.boundaries import Boundary, reached
from workflows_app.conf import policy
from workflows_app.engine import claims
from workflows_app.engine.handing import (
    CommittedAlone,
    Died,
    Hander,
    LetGo,
    NamingJob,
    read_overdue,
)
from workflows_app.engine.holding import Hand, Holding
from workflows_app.engine.items import Called, Item, Naming, Step, Taken
from workflows_app.engine.jobs import Job, Worker
from workflows_app.engine.late import record_late
from workflows_app.engine.log import logger
from workflows_app.engine.outages import retry_through_outage
from workflows_app.engine.outcomes import OUTSIDE, Todo
from workflows_app.engine.resting import tell_left_to_others
from workflows_app.engine.slots import Slots
from workflows_app.engine.turn import Clock, Limits
from workflows_app.engine.turning import Turner, tell_boundaries
from workflows_app.models import Workflow
from workflows_app.sdk.deadlines import machine_seconds

#: How often a host looks at workflows that it holds while it waits for their calls.
LOOK_SECONDS = 0.05
#: What a run whose events keep changing leaves their publisher, the first time; it doubles each time.
_START_OVER_SECONDS, _LONGEST_START_OVER_SECONDS = 0.05, 5.0
#: How soon a workflow that somebody else had locked is tried again.
_LEFT_SECONDS = 0.005
#: The most that one turn writes: what comes back meanwhile must not wait for long.
_LARGEST_TURN = 100


@dataclass(frozen=True)
class Slice:
    """What was done for a workflow. `has_more`: it stopped at a limit, not for want of work."""

    steps: int
    has_more: bool


class Host:
    """Advances the workflows that it claims. Used by one thread; others put things into its inbox."""

    def __init__(
        self,
        *,
        at_once: int,
        clock: Clock | None = None,
        may_begin: Callable[[], bool] = lambda: True,
        inline: bool = False,
    ) -> None:
        self.at_once = at_once
        self.holdings: dict[int, Holding] = {}
        #: How many runs were begun, asked about, retried, recovered or continued.
        self.begun = 0
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self._holder = claims.new_holder()
        self._may_begin = may_begin
        self._inline = inline
        self._hander = Hander(self.inbox.put, clock, may_die=inline)
        self._turner = Turner(clock)
        self._slots = Slots()
        self._items: list[Item] = []
        self._namings: list[Naming] = []
        self._jobs: dict[Hand, tuple[Todo, Job]] = {}
        self._naming: dict[Holding, NamingJob] = {}
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    # Claiming, and giving back

    def claim(self, workflow_id: int) -> bool:
        """Claim a workflow. Return False if another worker holds it, or if its code is not here."""
        # A claim whose answer was lost would keep others off until it ends: it is made again.
        held = retry_through_outage(
            lambda: self._claimed(workflow_id), within_seconds=policy().lease_seconds
        )
        if held is None:
            return False
        self.holdings[workflow_id] = held
        reached(Boundary.CLAIMED)
        return True

    def _claimed(self, workflow_id: int) -> Holding | None:
        workflow = Workflow.objects.select_related("active_version").get(pk=workflow_id)
        code = registry.get(workflow.slug)
        active = workflow.active_version
        if code is None or active is None or active.pair != code.version_pair():
            tell_left_to_others(workflow, code.version if code else None)
            return None
        claimed = claims.claim(workflow_id, holder=self._holder)
        return Holding.of(*claimed, code) if claimed is not None else None

    def give_back(self) -> None:
        """Forget all that is in hand, and give claims back: whoever comes next recovers it by its rows.

        Of a workflow with calls under way the claim is kept, to end by itself when they are over: the
        outside system must not be asked about a call that may not have arrived yet.
        """
        calling = self._calling()
        held = [one.claim for pk, one in self.holdings.items() if pk not in calling]
        self.holdings.clear()
        self._items.clear()
        self._namings.clear()
        self._naming.clear()
        self._later.clear()
        self._slots = Slots()
        self._turner.outlast(lambda: claims.release(held))
        if held:
            reached(Boundary.RELEASED)

    def _calling(self) -> set[int]:
        """Return the workflows of which calls are under way."""
        return {hand.holding.id for hand, (todo, _) in self._jobs.items() if todo in OUTSIDE}

    # The loop

    def step(self, *, wait: float | None = None) -> None:
        """Gather, waiting for at most so many seconds if there is nothing to do, and take a turn."""
        self._gather(self._seconds_to_wait(wait))
        self._give_up_overdue()
        self._start_what_is_due()
        while self._needs_turn():
            self._take_turn()
            if not self._inline:
                return

    def _gather(self, seconds: float) -> None:
        try:
            message = self.inbox.get(timeout=seconds) if seconds > 0 else self.inbox.get_nowait()
            while True:
                self.receive(message)
                message = self.inbox.get_nowait()
        except Empty:
            return

    def receive(self, message: Any) -> None:
        """Take what came of a job."""
        match message:
            case Item():
                self._came_back(message)
            case Naming():
                self._is_named(message)
            case CommittedAlone():
                self._jobs.pop(message.hand, None)
                if self._is_in_hand(message.hand):
                    self._take(message.taken, [])
            case LetGo():
                self._let_go(message.hand)
            case Died():
                self._jobs.pop(message.hand, None)
                raise message.error

    def _is_named(self, naming: Naming) -> None:
        self._naming.pop(naming.holding, None)
        if self.holdings.get(naming.holding.id) is not naming.holding:
            return
        # Nothing may be named, and all else be done.
        naming.holding.is_to_look = True
        if naming.lanes:
            self._namings.append(naming)

    def _came_back(self, item: Item) -> None:
        todo_and_job = self._jobs.pop(item.hand, None)
        self._tell_answered(item, todo_and_job)
        if not self._is_in_hand(item.hand):
            # Its workflow was taken over meanwhile.
            self._record_if_answer(item)
            return
        admitted = self._slots.admit(item)
        if admitted is not None:
            self._items.append(admitted)

    def _tell_answered(self, item: Item, known: Any) -> None:
        if isinstance(item.what, Called):
            reached(Boundary.ANSWERED)
        elif known is not None and known[0] is Todo.ASK:
            reached(Boundary.ASKED)

    def _is_in_hand(self, hand: Hand) -> bool:
        held = self.holdings.get(hand.holding.id)
        return held is hand.holding and held.hands.get(hand.run.pk) is hand

    def _record_if_answer(self, item: Item) -> None:
        finding = getattr(item.what, "finding", None)
        if finding is not None:
            record_late(item.hand.run.mutation, finding)

    def _let_go(self, hand: Hand) -> None:
        """Let go of a run: what it does next follows from its rows, at the next look."""
        self._jobs.pop(hand, None)
        hand.holding.hands.pop(hand.run.pk, None)
        hand.holding.is_to_look = True

    def _give_up_overdue(self) -> None:
        now = time.monotonic()
        for hand, (todo, job) in list(self._jobs.items()):
            if job.ends_at <= now:
                answer = job.give_up()
                if answer is not None:
                    self._came_back(read_overdue(hand, todo, answer))
        for naming_job in list(self._naming.values()):
            if naming_job.ends_at <= now:
                naming = naming_job.give_up_naming()
                if naming is not None:
                    self._is_named(naming)

    def _start_what_is_due(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._count), action))

    # Turns

    @property
    def room(self) -> int:
        """Return how many more runs may be begun."""
        in_hand = sum(len(holding.hands) for holding in self.holdings.values())
        return max(0, self.at_once - in_hand)

    def _needs_turn(self) -> bool:
        return bool(self._items or self._namings or self._to_look())

    def _to_look(self) -> list[Holding]:
        """Return the workflows that a turn is to be about, though nothing came back of them."""
        now = time.monotonic()
        return [one for one in self.holdings.values() if self._looks_at(one) <= now]

    def _looks_at(self, holding: Holding) -> float:
        """Return when a turn is to be about a workflow, by this process's clock, if nothing comes before."""
        has_place = self.room > 0 and len(holding.hands) < holding.code.policy_for().lanes_at_once
        if not (has_place and self._may_begin()) or holding in self._naming:
            # Nothing can be begun: only its claim is to be extended.
            return holding.seen_at + policy().lease_seconds / 4
        if holding.left_until > time.monotonic():
            return holding.left_until
        if holding.is_to_look:
            return 0.0
        if not holding.hands:
            # Somebody else had it locked.
            return holding.seen_at + _LEFT_SECONDS
        looks_at = math.inf if self._inline else holding.seen_at + LOOK_SECONDS
        if holding.look_at is not None:
            seconds = (holding.look_at - self._turner.now()).total_seconds()
            looks_at = min(looks_at, time.monotonic() + seconds)
        return looks_at

    def _take_turn(self) -> None:
        items, self._items = self._items[:_LARGEST_TURN], self._items[_LARGEST_TURN:]
        namings, self._namings = self._namings, []
        may_begin = self._may_begin()
        looking = {holding.id: holding for holding in self._to_look()}
        about = {item.hand.holding.id: item.hand.holding for item in items}
        named = {naming.holding.id: naming.holding for naming in namings}
        holdings = [{**about, **named, **looking}[pk] for pk in sorted({*about, *named, *looking})]
        for holding in holdings:
            holding.is_to_look = False
            holding.seen_at = time.monotonic()
        limits = Limits(self.room, may_begin)
        began = machine_seconds()
        for taken, written in self._turner.turns(holdings, items, limits, namings):
            self._take(taken, written, began=began)

    def _take(self, taken: Taken, items: list[Item], *, began: float | None = None) -> None:
        """Act on a turn that is durable."""
        for step in taken.steps:
            step.take()
            step.hand.holding.is_to_look |= step.has_ended
        tell_boundaries(taken, items)
        self.begun += taken.begun
        for pk, at in taken.looked.items():
            if pk in self.holdings:
                self.holdings[pk].look_at = at
                self.holdings[pk].note_begun()
                self.holdings[pk].is_to_look |= pk in taken.has_more
        for holding in taken.rested:
            self._drop(holding)
        for holding in taken.refused:
            holding.leave_alone()
        for holding in taken.fenced:
            self._lose(holding, items)
        for hand, finding in taken.late:
            record_late(hand.run.mutation, finding)
        for hand in taken.forgotten:
            facts = (hand.holding.workflow.slug, hand.run.pk)
            logger.warning("run.forgotten workflow=%s run=%s", *facts)
            hand.holding.hands.pop(hand.run.pk, None)
            self._free_slot(hand)
        for item in taken.left:
            self._after(_LEFT_SECONDS, lambda item=item: self._items.append(item))  # type: ignore[misc]
        for hand in taken.starting_over:
            self._start_over(hand, now=taken.now)
        for step in taken.steps:
            if step.todo is not Todo.CALL:
                self._free_slot(step.hand)
            if not step.has_ended:
                self._start(step, now=taken.now, began=began)
        for holding, events in taken.unnamed:
            if holding not in self._naming and holding.id in self.holdings:
                self._naming[holding] = self._hander.naming_job(holding, events)
                self._run(self._naming[holding])

    def _free_slot(self, hand: Hand) -> None:
        waiting = self._slots.give_back(hand)
        if waiting is not None:
            self.inbox.put(waiting)

    def _start_over(self, hand: Hand, *, now: datetime) -> None:
        seconds = min(_START_OVER_SECONDS * 2 ** min(hand.starts, 10), _LONGEST_START_OVER_SECONDS)
        hand.starts += 1
        self._free_slot(hand)
        if hand.starts % 5 == 0:
            facts = (hand.holding.workflow.slug, hand.run.pk, hand.run.lane, hand.starts)
            logger.warning("run.starts_over workflow=%s run=%s lane=%s times=%s", *facts)
        step = Step(hand, hand.run, Todo.PREPARE)
        self._after(0.0 if hand.starts == 1 else seconds, lambda: self._start(step, now=now))

    def _start(self, step: Step, *, now: datetime, began: float | None = None) -> None:
        hand = step.hand
        if not self._is_in_hand(hand):
            return
        if step.todo is Todo.CALL and began is not None:
            mutator = hand.holding.code.mutator_named(hand.run.mutation.mutator)
            hand.send_by = began + hand.holding.code.policy_for(mutator).lease_seconds
        job = self._hander.job_for(hand, step.todo, now=now)
        if isinstance(job, Item):
            self._items.append(job)
            return
        self._jobs[hand] = (step.todo, job)
        self._run(job, is_handler=step.todo not in OUTSIDE)

    def _run(self, job: Job, *, is_handler: bool = True) -> None:
        if self._inline and is_handler:
            job.run()
            self._gather(0)
        else:
            Worker.start(job)

    def _drop(self, holding: Holding) -> None:
        self.holdings.pop(holding.id, None)
        self._naming.pop(holding, None)
        for waiting in self._slots.drop(holding.id):
            self.inbox.put(waiting)
        self.has_rested(holding)

    def has_rested(self, holding: Holding) -> None:
        """Hear that a workflow was given back, or lost."""

    def _lose(self, holding: Holding, items: list[Item]) -> None:
        if self.holdings.get(holding.id) is holding:
            facts = (holding.id, holding.claim.token)
            logger.warning("claim.lost workflow=%s token=%s", *facts)
            self._drop(holding)
        for item in items:
            if item.hand.holding is holding:
                self._record_if_answer(item)

    def _seconds_to_wait(self, wait: float | None) -> float:
        if self._items or self._namings:
            return 0.0
        now = time.monotonic()
        moments = [at for at, _, _ in self._later[:1]]
        moments += [job.ends_at for _, job in self._jobs.values()]
        moments += [job.ends_at for job in self._naming.values()]
        moments += [self._looks_at(holding) for holding in self.holdings.values()]
        longest = 60.0 if wait is None else wait
        return max(0.0, min([longest, *(at - now for at in moments)]))


def advance(
    workflow_id: int,
    *,
    clock: Clock | None = None,
    max_steps: int | None = None,
    keep_going: Callable[[], bool] = lambda: True,
    at_once: int = 1,
) -> Slice:
    """Advance one workflow in this thread until nothing is due, or a limit is reached. Commits.

    Does nothing if another worker holds it, or if this process has no code of its active version.
    """

    def may_begin() -> bool:
        return (max_steps is None or host.begun < max_steps) and keep_going()

    host = Host(at_once=at_once, clock=clock, may_begin=may_begin, inline=True)
    try:
        if not host.claim(workflow_id):
            return Slice(0, has_more=False)
        while host.holdings and (may_begin() or any(h.hands for h in host.holdings.values())):
            host.step()
        return Slice(host.begun, has_more=bool(host.holdings))
    finally:
        host.give_back()
