"""Waiting for what another process or thread does: by looking at what it left, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from pprint import pformat
from typing import TypeVar

T = TypeVar("T")


def eventually(
    look: Callable[[], T],
    expected: T,
    *,
    within_seconds: float = 30.0,
    every_seconds: float | None = None,
) -> None:
    """Return as soon as `look()` gives `expected`. Raises AssertionError that shows both.

    Looks every so many seconds; else the less often, the longer a look takes: what is waited for needs the
    processor, too.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        began = time.monotonic()
        found = look()
        took = time.monotonic() - began
        if found == expected:
            return
        if time.monotonic() > deadline:
            raise AssertionError(
                f"After {within_seconds:g} s there is still\n{pformat(found)}\n"
                f"instead of\n{pformat(expected)}"
            )
        time.sleep(every_seconds or min(max(0.02, 10 * took), 0.25))
