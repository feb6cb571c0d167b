"""Places for what goes on at once in a worker: its outside calls, and its handlers (P8).

A run whose call finds no place waits before its checkpoint: nothing is sent yet, and what has changed by the
time it has one is seen under the lock. One that waits for a while does nothing that could end its worker: that
is written (`engine.checkpoint`), and a crash is none of it.

So a worker prepares no more than it can soon send: half as many runs as it has places for calls are prepared ahead,
and the place of a call that has ended is taken in the very turn that writes its answer. What waits for other calls
of its mutator (`calls_at_once`) leaves room to other workflows, up to as many runs as there are places. Beyond that a
workflow may begin one run if it has none in hand, so that no slow mutator stops all others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows_app.engine.holding import Hand, Holding

#: A run that waits for less is not worth a row.
_A_WHILE_SECONDS = 0.25


@dataclass(eq=False)
class _Waiting:
    hand: Hand
    message: Any
    #: It shares the places of what has this name, if `limit` is not 0.
    name: str
    limit: int
    is_urgent: bool
    #: When it has waited for a while, by this process's clock; None: that is told, or nobody needs to know.
    told_at: float | None = None


class Places:
    """So many places. `tell` gets what has waited for one, as soon as it has it. Used by one thread."""

    def __init__(self, number: int, tell: Callable[[Any], None]) -> None:
        self._number = number
        self._tell = tell
        #: What each hand that has a place has it for.
        self._taken: dict[Hand, str] = {}
        self._waiting: list[_Waiting] = []

    @property
    def free(self) -> int:
        return self._number - len(self._taken)

    @property
    def are_full(self) -> bool:
        return len(self._taken) >= self._number

    def take(
        self, hand: Hand, message: Any, *, name: str = "", limit: int = 0, is_urgent: bool = False
    ) -> bool:
        """Tell whether `hand` has a place now; if not, `message` is told as soon as it has one.

        `limit`: how many of this `name` may have one; 0: any number. `is_urgent`: it comes before others of its workflow.
        """
        if hand in self._taken:
            return True
        one = _Waiting(hand, message, name, limit, is_urgent)
        if self._fits(one):
            self._taken[hand] = name
            return True
        if not is_urgent:
            one.told_at = time.monotonic() + _A_WHILE_SECONDS
        self._waiting.append(one)
        return False

    def waiting_for_a_while(self) -> Iterator[Hand]:
        """Yield the runs that have waited for a while, each once; but nothing that is urgent."""
        now = time.monotonic()
        for one in list(self._waiting):
            if one.told_at is not None and one.told_at <= now:
                one.told_at = None
                yield one.hand

    def tells_at(self) -> Iterator[float]:
        """Yield when one that waits will have waited for a while."""
        yield from (one.told_at for one in self._waiting if one.told_at is not None)

    def give_back(self, hand: Hand) -> None:
        """Free the place of `hand` for whoever waits for it, if it has one; it waits for none any more."""
        if self._taken.pop(hand, None) is not None:
            self._serve()
        elif self._waiting:
            self._waiting = [one for one in self._waiting if one.hand is not hand]

    def _serve(self) -> None:
        while not self.are_full and (fitting := [one for one in self._waiting if self._fits(one)]):
            # Of those that wait longest: a workflow with many of them leaves places to others, and if it is full of
            # questions in an outage, too.
            has = Counter(hand.holding for hand in self._taken)
            first = min(fitting, key=lambda one: (has[one.hand.holding], not one.is_urgent))
            self._waiting.remove(first)
            self._taken[first.hand] = first.name
            self._tell(first.message)

    def _fits(self, one: _Waiting) -> bool:
        if self.are_full:
            return False
        return not one.limit or sum(name == one.name for name in self._taken.values()) < one.limit

    def waiting(self) -> Counter[Holding]:
        """Return how many runs of each workflow wait for a place."""
        return Counter(one.hand.holding for one in self._waiting)

    def drop(self, holding: Holding, *, busy: Container[Hand]) -> None:
        """Forget a workflow that is no longer held. Of its runs those that are `busy` keep their places."""
        self.withdraw(holding)
        for hand in list(self._taken):
            if hand.holding is holding and hand not in busy:
                self.give_back(hand)

    def withdraw(self, holding: Holding) -> list[Any]:
        """Let nothing of a workflow wait any more; return what waited."""
        found = [one for one in self._waiting if one.hand.holding is holding]
        self._waiting = [one for one in self._waiting if one.hand.holding is not holding]
        return [one.message for one in found]


@dataclass(frozen=True)
class Limits:
    """What a turn may begin."""

    #: How many more runs there is room for in this worker, if those that wait take room.
    room: int = 0
    #: Runs that wait for other calls of their mutator, and how many of them take no room of other workflows.
    waiting: Mapping[Holding, int] = field(default_factory=dict)
    most_waiting: int = 0
    #: Places for handlers that are free: what finds none would only wait.
    handlers: int = 0
    #: Begin runs at all. Without it, what is in hand comes to its end.
    may_begin: bool = True
    #: Look at what is free, also if no run ends in this turn.
    looks: bool = True

    @property
    def most(self) -> int:
        """Return how many runs may be begun at most, whatever workflow they are of."""
        return max(0, min(self.room + sum(self.waiting.values()), self.handlers))

    def room_for(self, holding: Holding) -> int:
        """Return how many more runs of a workflow there is room for; less than none if it has too many."""
        waiting = sum(self.waiting.values()) - self.waiting.get(holding, 0)
        room = self.room + min(waiting, self.most_waiting)
        if not holding.hands:
            room = max(room, min(self.room + waiting, 1))
        return min(room, self.handlers)

    def lets_begin(self, holding: Holding) -> bool:
        return self.may_begin and self.room_for(holding) > 0


#: What is in hand comes to its end.
BEGIN_NOTHING = Limits(may_begin=False)


def limits_of(
    in_hand: int, calls: Places, handlers: Places, at_once: int, *, may_begin: bool
) -> Limits:
    """Return what a worker may begin that has so many runs in hand, with these places for `at_once` of each."""
    # While a place is free, who waits does not wait for a place.
    waiting: Counter[Holding] = Counter() if calls.are_full else calls.waiting()
    room = at_once + at_once // 2 - in_hand
    return Limits(room, waiting, at_once, handlers.free, may_begin)
