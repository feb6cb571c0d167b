"""Where a decision comes from: the address and the session of the request, if it is one of the web."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Origin:
    """Empty for a command, or for code. The session is told by a digest: it can't be taken over by that."""

    address: str = ""
    session: str = ""
    actor_key: Any = None
    actor_name: str = ""


_origin: ContextVar[Callable[[], Origin]] = ContextVar("origin", default=Origin)


def origin() -> Origin:
    """Return where what this thread does now comes from."""
    return _origin.get()()


@contextmanager
def coming_from(look: Callable[[], Origin]) -> Iterator[None]:
    """Let `look` say it for the block: it is asked when somebody wants to know."""
    token = _origin.set(look)
    try:
        yield
    finally:
        _origin.reset(token)
