"""How many calls of a mutator are under way at once in this worker (`calls_at_once`)."""

from __future__ import annotations

from collections import Counter, deque

from workflows_app.engine.holding import Hand
from workflows_app.engine.items import Item
from workflows_app.engine.phases import Prepared


class Slots:
    """Places for calls. A run whose call has none waits before its checkpoint: nothing is sent yet."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._held_by: dict[Hand, str] = {}
        self._waiting: dict[str, deque[Item]] = {}

    def admit(self, item: Item) -> Item | None:
        """Return `item` if its call has a place now, or needs none; else keep it until one is free."""
        what = item.what
        if not isinstance(what, Prepared) or what.call is None or item.hand in self._held_by:
            return item
        limit = item.hand.holding.code.policy_for(what.call.mutator).calls_at_once
        name = what.call.mutator.name
        if limit and self._taken[name] >= limit:
            self._waiting.setdefault(name, deque()).append(item)
            return None
        self._taken[name] += 1
        self._held_by[item.hand] = name
        return item

    def give_back(self, hand: Hand) -> Item | None:
        """Free the place of `hand`, if it has one; return who has waited for it the longest."""
        name = self._held_by.pop(hand, None)
        if name is None:
            return None
        self._taken[name] -= 1
        waiting = self._waiting.get(name)
        return waiting.popleft() if waiting else None

    def drop(self, holding_id: int) -> list[Item]:
        """Forget what belongs to a workflow that is no longer held; return who gets its places."""
        for name, waiting in self._waiting.items():
            kept = [item for item in waiting if item.hand.holding.id != holding_id]
            self._waiting[name] = deque(kept)
        dropped = [hand for hand in self._held_by if hand.holding.id == holding_id]
        return [item for hand in dropped if (item := self.give_back(hand)) is not None]
