"""How many more runs a worker may begin (P8).

A place is a call under way. Half as many runs more are prepared ahead, so that the place of a call that has ended
is taken in the very turn that writes its answer. What waits for other calls of its mutator (`calls_at_once`) leaves
room to other workflows, up to as many runs as there are places: a worker prepares no more than it can soon send.
Beyond that a workflow may begin one run if it has none in hand, so that no slow mutator stops all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from workflows_app.engine.holding import Holding
from workflows_app.engine.places import Places


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


def limits_of(
    in_hand: int, calls: Places, handlers: Places, at_once: int, *, may_begin: bool
) -> Limits:
    """Return what a worker may begin that has so many runs in hand, with these places for `at_once` of each."""
    # While a place is free, who waits does not wait for a place.
    waiting: Counter[Holding] = Counter() if calls.are_full else calls.waiting()
    room = at_once + at_once // 2 - in_hand
    return Limits(room, waiting, at_once, handlers.free, may_begin)
