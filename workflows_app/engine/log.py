"""The one vocabulary of log lines: `noun.verb key=value ...`, on the logger `workflows_app`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from workflows_app.models import Run

logger = logging.getLogger("workflows_app")
#: What is to be said as soon as it has happened: level, text and its values.
_Line = tuple[int, str, tuple[Any, ...]]
_waiting: ContextVar[list[_Line] | None] = ContextVar("lines_that_wait", default=None)


@contextmanager
def told_when_durable(*, is_undone: bool = False) -> Iterator[None]:
    """Let what the block says wait for its end, and be left out if it raises: then it has not happened.

    To be put around a transaction. If only the answer to its COMMIT is lost, the ledger has it, and the
    log does not. `is_undone`: the transaction is rolled back at its end, and none of it has happened.
    """
    lines: list[_Line] = []
    token = _waiting.set(lines)
    try:
        yield
    finally:
        _waiting.reset(token)
    for level, text, values in [] if is_undone else lines:
        say(level, text, *values)


def say(level: int, text: str, *values: Any) -> None:
    """Log a line, at once or when what is written is durable."""
    lines = _waiting.get()
    if lines is not None:
        lines.append((level, text, values))
    else:
        logger.log(level, text, *values)


def log(what: str, run: Run, *, level: int = logging.INFO, **facts: Any) -> None:
    """Log that `what` happened to `run`. Never parameters or payloads: they may be private."""
    if logger.isEnabledFor(level):
        told = {"workflow": run.workflow.slug, "run": run.pk, **facts}
        say(level, "%s %s", what, " ".join(f"{key}={value}" for key, value in told.items()))
