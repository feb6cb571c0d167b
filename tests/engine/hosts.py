"""Hosts in threads of their own, and an outside system that keeps their calls waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.engine.stage import SLUG, code, consumer, mutator
from workflows_app.engine.hosting import ThreadedHost
from workflows_app.sdk import Consumer, MutationCall, Workflow

#: The fixture `start`.
Start = Callable[..., ThreadedHost]


class Door:
    """An outside system that answers when it is let."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self._let = threading.Semaphore(0)
        self._changed = threading.Lock()
        self._inside = 0
        #: The most that were inside at once.
        self.most = 0
        #: What it answers; an exception is raised.
        self.answer: Any = {}

    def call(self, params: Any, key: str) -> Any:
        with self._changed:
            self.entered.append(key)
            self._inside += 1
            self.most = max(self.most, self._inside)
        assert self._let.acquire(timeout=30), "nobody opened the door"
        with self._changed:
            self._inside -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def let(self, number: int = 1) -> None:
        """Let so many calls end."""
        self._let.release(number)

    def open(self) -> None:
        """Let all calls end, now and later."""
        self._let.release(1_000)


def with_lanes(
    door: Door, slug: str = SLUG, *, of_mutator: dict[str, Any] | None = None, **policy: Any
) -> type[Workflow]:
    """Return a workflow that has each order in a lane of its own, and calls a mutator of its own."""
    called = mutator(door.call, name=f"carrier.of_{slug}", policy=of_mutator or {})
    one: type[Consumer] = consumer(mutate=lambda prepared: MutationCall(called, {}))
    one.lane = lambda self, event: event.message_id  # type: ignore[method-assign]
    return code(one, calls=[called], slug=slug, policy=policy)
