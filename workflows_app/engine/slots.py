"""How many calls of a mutator are under way at once in this worker (`calls_at_once`)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from workflows_app.engine.holding import Hand
from workflows_app.engine.items import Item
from workflows_app.engine.phases import Call, Prepared


class Slots:
    """Places for calls. A run whose call has none waits before its checkpoint: nothing is sent yet.

    `tell` gets what has waited for its place, as soon as it has one.
    """

    def __init__(self, tell: Callable[[Item], None]) -> None:
        self._tell = tell
        self._taken: Counter[str] = Counter()
        self._held_by: dict[Hand, str] = {}
        self._waiting: deque[tuple[Item, Call]] = deque()

    def admit(self, item: Item) -> Item | None:
        """Return `item` if its call has a place now, or needs none; else keep it until one is free."""
        what = item.what
        if not isinstance(what, Prepared) or what.call is None or item.hand in self._held_by:
            return item
        if not self._has_place(item, what.call):
            self._waiting.append((item, what.call))
            return None
        self._held_by[item.hand] = what.call.mutator.name
        self._taken[what.call.mutator.name] += 1
        return item

    def give_back(self, hand: Hand) -> None:
        """Free the place of `hand`, if it has one, for the first that waits for it."""
        name = self._held_by.pop(hand, None)
        if name is None:
            return
        self._taken[name] -= 1
        for place, (item, call) in enumerate(self._waiting):
            if self._has_place(item, call):
                del self._waiting[place]
                self.admit(item)
                self._tell(item)
                return

    def _has_place(self, item: Item, call: Call) -> bool:
        limit = item.hand.holding.code.policy_for(call.mutator).calls_at_once
        return not limit or self._taken[call.mutator.name] < limit

    def drop(self, holding_id: int) -> None:
        """Forget what belongs to a workflow that is no longer held: others get its places."""
        self._waiting = deque(one for one in self._waiting if one[0].hand.holding.id != holding_id)
        for hand in [hand for hand in self._held_by if hand.holding.id == holding_id]:
            self.give_back(hand)

    def clear(self) -> None:
        self._taken.clear()
        self._held_by.clear()
        self._waiting.clear()
