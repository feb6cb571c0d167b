"""A host as a worker has it: authors' code runs in threads, and may take longer than it may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from tests.engine.stage import NOW, row
from workflows_app.engine.host import Host

#: Long enough for any machine: no test that passes waits for it.
PATIENCE_SECONDS = 20.0


def work(until: Callable[[], bool], *, at: datetime = NOW, at_once: int = 4) -> None:
    """Let a worker advance the workflow until `until()`, or until nothing is to be done."""
    worker = Host(at_once=at_once, clock=lambda: at)
    assert worker.claim(row().pk), "nobody else holds it"
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while worker.holdings and not until():
            assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:g} s"
            worker.step(wait=0.05)
    finally:
        worker.give_back()
        late_answers_are_written()


def late_answers_are_written() -> None:
    """Wait for the threads that write them."""
    for thread in threading.enumerate():
        if thread.name == "workflows-late":
            thread.join(PATIENCE_SECONDS)


def never() -> bool:
    return False
