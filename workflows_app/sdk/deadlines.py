"""Until when the host waits for the call that is being made (P1).

The host can't stop a call that takes too long: it goes on without the answer, and asks the outside
system whether it happened. A request that left only then could be made twice. So whoever sends looks
here as late as possible, and does not send when time is up.
"""

from __future__ import annotations

import time
from contextvars import ContextVar

_ends_at: ContextVar[float | None] = ContextVar("workflows_call_ends_at", default=None)


def machine_seconds() -> float:
    """Return a clock that only goes forward, also while this machine or process is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def limit_call(seconds: float) -> None:
    """Note in the current context that nobody waits longer than `seconds` from now."""
    _ends_at.set(machine_seconds() + seconds)


def seconds_left() -> float | None:
    """Return how long the host still waits for this call, 0 if no longer; None outside of a call."""
    ends_at = _ends_at.get()
    return None if ends_at is None else max(0.0, ends_at - machine_seconds())
