"""Points that what is under test passes, and where a test can hold it.

Whatever runs elsewhere, a request or a handler in another thread, calls `passes` on its way.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable

_PATIENCE_SECONDS = 30


class Points:
    """Named points. Nothing is held unless a test says so."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        #: Up to which arrival those who come wait, by point.
        self._held: dict[str, float] = {}
        #: Up to which arrival they are let through nevertheless.
        self._let_through: Counter[str] = Counter()
        self._dropped: set[str] = set()
        self._arrived: Counter[str] = Counter()
        self._standing: Counter[str] = Counter()
        self._left: Counter[str] = Counter()

    def hold(self, *points: str) -> None:
        """Let everybody wait who comes to `points`."""
        with self._changed:
            self._held.update(dict.fromkeys(points, math.inf))

    def hold_no_more(self, *points: str) -> None:
        """Let later ones pass `points`; those who stand there go on waiting."""
        with self._changed:
            self._held.update({point: self._arrived[point] for point in points})

    def let_through(self, *points: str) -> None:
        """Let those pass who stand at `points`; later ones wait there again."""
        with self._changed:
            for point in points:
                self._let_through[point] = self._arrived[point]
            self._changed.notify_all()
            # Until they are gone, they would be taken for those who come later.
            self._changed.wait_for(
                lambda: all(self._left[point] >= self._let_through[point] for point in points),
                timeout=_PATIENCE_SECONDS,
            )

    def wait_for(self, *points: str, standing: int = 1) -> None:
        """Return when so many stand at each of `points`."""
        wanted = dict.fromkeys(points, standing)
        with self._changed:
            self._changed.wait_for(
                lambda: self._standing_at(points) == wanted, timeout=_PATIENCE_SECONDS
            )
            found = self._standing_at(points)
        assert found == wanted, f"After {_PATIENCE_SECONDS} s there stand {found}, not {wanted}."

    def release(self, *points: str) -> None:
        """Let those pass who stand at `points`, and all who come."""
        with self._changed:
            self._forget(points)
            self._changed.notify_all()

    def drop(self, *points: str) -> None:
        """Send those back who stand at `points`; later ones pass."""
        with self._changed:
            self._dropped.update(points)
            self._changed.notify_all()
        self.wait_for(*points, standing=0)
        with self._changed:
            self._dropped.difference_update(points)
            self._forget(points)

    def release_all(self) -> None:
        """Let everybody pass."""
        self.release(*list(self._held))

    def passes(self, point: str) -> bool:
        """Stand at `point` as long as it is held; tell whether to go on."""
        with self._changed:
            self._arrived[point] += 1
            number = self._arrived[point]
            self._standing[point] += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._may_pass(point, number))
            self._standing[point] -= 1
            self._left[point] += 1
            self._changed.notify_all()
            return point not in self._dropped

    def _may_pass(self, point: str, number: int) -> bool:
        is_held = self._let_through[point] < number <= self._held.get(point, 0)
        return not is_held or point in self._dropped

    def _standing_at(self, points: Iterable[str]) -> dict[str, int]:
        return {point: self._standing[point] for point in points}

    def _forget(self, points: Iterable[str]) -> None:
        for point in points:
            self._held.pop(point, None)
