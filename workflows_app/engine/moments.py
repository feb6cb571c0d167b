"""When a host does something though nothing came back, by its process's clock (P2)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from datetime import datetime

from workflows_app.conf import policy
from workflows_app.engine.holding import Holding

#: How often a host looks at workflows that it holds while it waits for their calls.
LOOK_SECONDS = 0.05
#: How soon a workflow that somebody else had locked is tried again.
LEFT_SECONDS = 0.005


class Later:
    """What is put off for a while."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, Callable[[], None]]] = []

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Have `action` done so many seconds from now."""
        self._waiting.append((time.monotonic() + seconds, action))

    def do_what_is_due(self) -> None:
        now, waiting = time.monotonic(), self._waiting
        self._waiting = [one for one in waiting if one[0] > now]
        for at, action in waiting:
            if at <= now:
                action()

    def moments(self) -> Iterator[float]:
        """Yield when each is due."""
        yield from (at for at, _ in self._waiting)

    def clear(self) -> None:
        self._waiting.clear()


def looks_at(
    holding: Holding, can_begin: bool, *, looks_often: bool, now: Callable[[], datetime]
) -> float:
    """Return when a turn is to be about a workflow, if nothing comes before.

    `can_begin`: there is a place, and nothing is in the way. `now`: the time by which `look_at` is meant.
    """
    if not can_begin or len(holding.hands) >= holding.policy.lanes_at_once:
        # Nothing can be begun: only its claim is to be extended, or given back.
        kept_at = holding.seen_at + policy().lease_seconds / 4
        has_lingered = not holding.hands and holding.seen_at < holding.lingers_until
        return min(kept_at, holding.lingers_until) if has_lingered else kept_at
    if holding.left_until > time.monotonic():
        return holding.left_until
    if holding.is_to_look:
        return 0.0
    if holding.hands:
        at = holding.looked_at + LOOK_SECONDS if looks_often else math.inf
    elif holding.has_looked and holding.lingers():
        at = holding.lingers_until
    else:
        # Somebody else had it locked, or it has lingered.
        return holding.seen_at + LEFT_SECONDS
    if holding.look_at is not None:
        at = min(at, time.monotonic() + (holding.look_at - now()).total_seconds())
    return at
