"""Advancing one workflow in the calling thread, handlers and all: for tests, and where no worker runs (P2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workflows_app.engine.host import Host
from workflows_app.engine.turn import Clock


@dataclass(frozen=True)
class Slice:
    """What was done for a workflow. `has_more`: it stopped at a limit, not for want of work."""

    steps: int
    has_more: bool


def advance(
    workflow_id: int,
    *,
    clock: Clock | None = None,
    max_steps: int | None = None,
    keep_going: Callable[[], bool] = lambda: True,
    at_once: int = 1,
) -> Slice:
    """Advance one workflow in this thread until nothing is due, or a limit is reached. Commits.

    Does nothing if another worker holds it, or if this process has no code of its active version.
    """

    def may_begin() -> bool:
        return (max_steps is None or host.begun < max_steps) and keep_going()

    host = Host(at_once=at_once, clock=clock, may_begin=may_begin, inline=True)
    try:
        if not host.claim(workflow_id):
            return Slice(0, has_more=False)
        while host.holdings and (may_begin() or any(h.hands for h in host.holdings.values())):
            host.step()
        return Slice(host.begun, has_more=bool(host.holdings))
    finally:
        host.give_back()
