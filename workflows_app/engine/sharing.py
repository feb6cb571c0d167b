"""Workers share the work: one that has more than it manages gives workflows to those that have less (P8).

The queue gives a job to whoever asks first, and a worker has many places. One that was alone for a while would keep
all workflows, and a second one, started because the first does not keep up, would find nothing to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

#: How often a worker that does not keep up looks whether others have less, and how seldom at most while
#: nobody takes what it gives back.
_LOOK_SECONDS, _LONGEST_SECONDS = 0.25, 60.0
#: A host that rests for less than this share of its time does not keep up.
_REST = 0.3
#: How long a worker leaves jobs to others after it gave workflows back: those who have less come first.
_LEAVES_SECONDS = 1.0


@dataclass(frozen=True)
class Crowd:
    """How many workers are alive, and how many workflows they have claimed together."""

    workers: int
    claimed: int

    @property
    def share(self) -> int:
        """Return how many workflows a worker has, if all have as many."""
        return math.ceil(self.claimed / max(self.workers, 1))


class Sharing:
    """How many of its workflows a host gives back, so that other workers have as many."""

    def __init__(self, crowd: Callable[[], Crowd]) -> None:
        self._crowd = crowd
        self._pause = _LOOK_SECONDS
        self._looked_at = -math.inf
        self._rested = 0.0
        #: What others had when this host gave back for the last time, and when that was.
        self._others_had: int | None = None
        self._gave_at = -math.inf

    def leaves_jobs(self, *, now: float) -> bool:
        """Tell whether others shall come first, since this host has just given workflows back."""
        return now - self._gave_at < _LEAVES_SECONDS

    def surplus(self, held: int, *, rested: float, is_full: bool, now: float) -> int:
        """Return how many of the workflows that are `held` to give back now.

        `rested`: the seconds that the host has spent so far waiting for something to do. `is_full`: all its
        places for runs are taken. `now`: by `time.monotonic`, as all seconds here.
        """
        seconds = now - self._looked_at
        if seconds < self._pause:
            return 0
        keeps_up = rested - self._rested > _REST * seconds and not is_full
        self._looked_at, self._rested = now, rested
        if keeps_up or held < 2:
            return 0
        crowd = self._crowd()
        if crowd.workers < 2:
            return 0
        others = crowd.claimed - held
        if self._others_had is not None and others <= self._others_had:
            # Nobody took what was given: other workers that are alive may have other work, or other code.
            self._pause = min(2 * self._pause, _LONGEST_SECONDS)
        else:
            self._pause = _LOOK_SECONDS
        surplus = max(0, held - crowd.share)
        self._others_had = others if surplus else None
        if surplus:
            self._gave_at = now
        return surplus
