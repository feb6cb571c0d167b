"""How many more runs a worker may begin (P8).

A place is a call under way. Half as many runs more are prepared ahead, so that the place of a call that has ended
is taken in the very turn that writes its answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from workflows_app.engine.holding import Holding
from workflows_app.engine.places import Places


@dataclass(frozen=True)
class Limits:
    """What a turn may begin."""

    #: How many more runs there is room for in this worker, if those that wait take room.
    room: int = 0
    #: Runs that wait for other calls of their mutator: to other workflows they take no room.
    waiting: Mapping[Holding, int] = field(default_factory=dict)
    #: Begin runs at all. Without it, what is in hand comes to its end.
    may_begin: bool = True
    #: Look at what is free, also if no run ends in this turn.
    looks: bool = True

    @property
    def most(self) -> int:
        """Return how many runs may be begun at most, whatever workflow they are of."""
        return max(0, self.room + sum(self.waiting.values()))

    def room_for(self, holding: Holding) -> int:
        """Return how many more runs of a workflow there is room for; less than none if it has too many."""
        return self.room + sum(self.waiting.values()) - self.waiting.get(holding, 0)

    def lets_begin(self, holding: Holding) -> bool:
        return self.may_begin and self.room_for(holding) > 0


def limits_of(
    holdings: Iterable[Holding], calls: Places, at_once: int, *, may_begin: bool
) -> Limits:
    """Return what a worker may begin that has `holdings` in hand, with so many `calls` `at_once`."""
    in_hand = sum(len(holding.hands) for holding in holdings)
    # While a place is free, who waits does not wait for a place.
    waiting: Counter[Holding] = Counter() if calls.are_full else calls.waiting()
    return Limits(at_once + at_once // 2 - in_hand, waiting, may_begin)
