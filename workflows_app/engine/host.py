"""The loop of a worker: gather what came back, take a turn, hand out what follows (P1, P2, P8).

A host is one thread. It claims workflows, and for all that it holds takes turns (`engine.turn`). Threads
run authors' code and outside calls (`engine.jobs`), and put what came of it into the host's inbox. While
one turn commits, the next one gathers: at light load a turn is about one run and waits for nobody, under
load many runs share a lock, a round trip and an fsync.

In tests the host runs in the calling thread, and handlers with it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from workflows_app.boundaries import Boundary, reached
from workflows_app.conf import policy
from workflows_app.engine import claims
from workflows_app.engine.handing import CommittedAlone, Died, Hander
from workflows_app.engine.holding import Hand, Holding
from workflows_app.engine.items import Item, Naming, Ready, Step, Taken
from workflows_app.engine.late import record_aside, record_if_answer, record_late
from workflows_app.engine.log import logger
from workflows_app.engine.moments import LEFT_SECONDS, Later, looks_at
from workflows_app.engine.outages import retry_through_outage
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.places import Limits, limits_of
from workflows_app.engine.turn import Clock
from workflows_app.engine.turning import Turner, tell_answer, tell_boundaries
from workflows_app.engine.under_way import UnderWay
from workflows_app.sdk.deadlines import machine_seconds

#: The most that one turn writes: what comes back meanwhile must not wait for long.
_LARGEST_TURN = 100


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
        #: For how long a workflow is kept in which nothing is left to do: not, unless this host hears of what comes.
        self.linger_seconds = 0.0
        #: How many seconds it has waited for something to do.
        self.rested = 0.0
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self._holder = claims.new_holder()
        self._may_begin = may_begin
        self._inline = inline
        self._record_late = record_late if inline else record_aside
        hander = Hander(self.inbox.put, clock, may_die=inline)
        gather = (lambda: self._gather(0)) if inline else None
        self._under_way = UnderWay(hander, self.inbox.put, at_once=at_once, ran_here=gather)
        self._turner = Turner(clock)
        self._items: list[Item] = []
        self._namings: list[Naming] = []
        self._later = Later()

    # Claiming, and giving back

    def claim(self, workflow_id: int) -> bool:
        """Claim a workflow. Return False if that must be left to others, or to another time."""
        # A claim whose answer was lost would keep others off until it ends: it is made again.
        held = retry_through_outage(
            lambda _: Holding.claimed(workflow_id, holder=self._holder, is_patient=self._inline),
            within_seconds=policy().lease_seconds,
        )
        if held is not None:
            held.linger_seconds = self.linger_seconds
            self.holdings[workflow_id] = held
            reached(Boundary.CLAIMED)
        return held is not None

    def give_back(self) -> None:
        """Forget all that is in hand, and give claims back: whoever comes next recovers it by its rows.

        Of a workflow with calls under way the claim is kept, to end by itself when they are over: the
        outside system must not be asked about a call that may not have arrived yet.
        """
        calling = self._under_way.calling()
        held = [one.claim for pk, one in self.holdings.items() if pk not in calling]
        for one in self.holdings.values():
            self._under_way.drop(one)
        self.holdings.clear()
        self._items.clear()
        self._namings.clear()
        self._later.clear()
        self._turner.outlast(lambda: claims.release(held))
        if held:
            reached(Boundary.RELEASED)

    def close(self, holding: Holding) -> None:
        """Give a workflow back as soon as nothing of it is in hand; what waits for its place sends nothing."""
        holding.is_closing = True
        for message in self._under_way.withdraw(holding):
            self.inbox.put(message)

    # The loop

    def step(self, *, wait: float | None = None) -> bool:
        """Gather, waiting for at most so many seconds if there is nothing to do, and take a turn.

        Return whether anything came.
        """
        has_come = self._gather(self._seconds_to_wait(wait))
        for message in self._under_way.give_up_overdue():
            self.receive(message)
        self._later.do_what_is_due()
        self._items += self._under_way.waiting()
        while self._items or self._namings or self._to_look():
            self._take_turn()
            if not self._inline:
                break
        return has_come

    def _gather(self, seconds: float) -> bool:
        began = time.monotonic()
        try:
            message = self.inbox.get(timeout=seconds) if seconds > 0 else self.inbox.get_nowait()
        except Empty:
            return False
        finally:
            self.rested += time.monotonic() - began
        with contextlib.suppress(Empty):
            while True:
                self.receive(message)
                message = self.inbox.get_nowait()
        return True

    def receive(self, message: Any) -> None:
        """Take what came of a job."""
        match message:
            case Item():
                self._came_back(message)
            case Naming():
                self._is_named(message)
            case Ready():
                self._start(message.step, now=message.now)
            case CommittedAlone(hand, taken):
                self._under_way.has_ended(hand)
                if taken is None:
                    self._let_go(hand)
                elif self._is_in_hand(hand):
                    self._take(taken, [])
            case Died():
                self._under_way.has_ended(message.hand)
                raise message.error

    def _is_named(self, naming: Naming) -> None:
        self._under_way.has_named(naming.holding)
        if self.holdings.get(naming.holding.id) is not naming.holding:
            return
        naming.holding.is_to_look = True
        if naming.said:
            self._namings.append(naming)

    def _came_back(self, item: Item) -> None:
        todo = self._under_way.has_ended(item.hand)
        tell_answer(item, todo)
        admitted = self._under_way.admit(item) if self._is_ours(item) else None
        if admitted is not None:
            self._items.append(admitted)

    def _is_ours(self, item: Item) -> bool:
        """Tell whether its run is in hand. If not, its claim is over, and maybe there is a new one: an answer is kept."""
        if not (is_in_hand := self._is_in_hand(item.hand)):
            record_if_answer(item.hand, item.what, self._record_late)
        return is_in_hand

    def _is_in_hand(self, hand: Hand) -> bool:
        held = self.holdings.get(hand.holding.id)
        return held is hand.holding and held.hands.get(hand.run.pk) is hand

    def _let_go(self, hand: Hand) -> None:
        """Let go of a run: what it does next follows from its rows, at the next look."""
        self._under_way.has_ended(hand)
        hand.holding.hands.pop(hand.run.pk, None)
        hand.holding.is_to_look = True

    # Turns

    def limits(self) -> Limits:
        """Return what may be begun now."""
        in_hand = sum(len(one.hands) for one in self.holdings.values())
        places = (self._under_way.calls, self._under_way.handlers)
        return limits_of(in_hand, *places, self.at_once, may_begin=self._may_begin())

    def _to_look(self) -> list[Holding]:
        """Return the workflows that a turn is to be about, though nothing came back of them."""
        now, limits = time.monotonic(), self.limits()
        return [one for one in self.holdings.values() if self._looks_at(one, limits) <= now]

    def _looks_at(self, holding: Holding, limits: Limits) -> float:
        can_begin = limits.lets_begin(holding) and not self._under_way.names_lanes_of(holding)
        return looks_at(holding, can_begin, looks_often=not self._inline, now=self._turner.now)

    def _take_turn(self) -> None:
        items = [item for item in self._items[:_LARGEST_TURN] if self._is_ours(item)]
        self._items = self._items[_LARGEST_TURN:]
        namings, self._namings = self._namings, []
        looking = set(self._to_look())
        about = {item.hand.holding for item in items} | {naming.holding for naming in namings}
        holdings = sorted(looking | about, key=lambda holding: holding.id)
        for holding in holdings:
            holding.note_turn(looks=holding in looking)
        limits = replace(self.limits(), looks=bool(looking))
        began = machine_seconds()
        for taken, written in self._turner.turns(holdings, items, limits, namings):
            self._take(taken, written, began=began)
            self._turner.tell_of_clock(taken.seconds_ahead)

    def _take(self, taken: Taken, items: list[Item], *, began: float | None = None) -> None:
        """Act on a turn that is durable."""
        for step in taken.steps:
            step.take()
            # Without a look, nobody has seen yet what its end leaves free.
            held = step.hand.holding
            held.is_to_look |= step.has_ended and held.id not in taken.looked
        tell_boundaries(taken, items)
        self.begun += taken.begun
        for pk, at in taken.looked.items():
            if pk in self.holdings:
                self.holdings[pk].note_look(at, has_more=pk in taken.has_more)
        for holding in (*taken.rested, *taken.let_go):
            self._drop(holding)
        for holding in taken.refused:
            holding.leave_alone()
        for holding in taken.fenced:
            self._lose(holding, items)
        for hand, finding in taken.late:
            self._record_late(hand.run.mutation, finding)
        for hand in taken.forgotten:
            told = "run.forgotten workflow=%s run=%s"
            logger.warning(told, hand.holding.workflow.slug, hand.run.pk)
            self._let_go(hand)
            self._under_way.calls.give_back(hand)
        for item in taken.left:
            self._later.after(LEFT_SECONDS, lambda item=item: self._items.append(item))  # type: ignore[misc]
        for hand in taken.starting_over:
            self._under_way.calls.give_back(hand)
            start = partial(self._start, Step(hand, hand.run, Todo.PREPARE), now=taken.now)
            self._later.after(hand.start_over(), start)
        for step in taken.steps:
            if step.todo not in (Todo.CALL, Todo.WAIT):
                self._under_way.calls.give_back(step.hand)
            if not step.has_ended:
                self._start(step, now=taken.now, began=began)
        for holding, events in taken.unnamed:
            if holding.id in self.holdings:
                self._under_way.start_naming(holding, events)

    def _start(self, step: Step, *, now: datetime, began: float | None = None) -> None:
        if step.todo is Todo.WAIT or not self._is_in_hand(step.hand):
            return
        item = self._under_way.start(step, now=now, began=began)
        if item is not None:
            self._items.append(item)

    def _drop(self, holding: Holding) -> None:
        self.holdings.pop(holding.id, None)
        self._under_way.drop(holding)
        self.has_rested(holding)

    def has_rested(self, holding: Holding) -> None:
        """Hear that a workflow was given back, or lost."""

    def _lose(self, holding: Holding, items: list[Item]) -> None:
        if self.holdings.get(holding.id) is holding:
            logger.warning("claim.lost workflow=%s token=%s", holding.id, holding.claim.token)
            self._drop(holding)
        for item in items:
            if item.hand.holding is holding:
                record_if_answer(item.hand, item.what, self._record_late)

    def _seconds_to_wait(self, wait: float | None) -> float:
        if self._items or self._namings:
            return 0.0
        now, limits = time.monotonic(), self.limits()
        moments = [*self._later.moments(), *self._under_way.moments()]
        moments += [self._looks_at(holding, limits) for holding in self.holdings.values()]
        longest = 60.0 if wait is None else wait
        return max(0.0, min([longest, *(at - now for at in moments)]))
