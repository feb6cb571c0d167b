"""When somebody ends a command before it is done: by Ctrl-C, SIGTERM or a closed terminal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Hold:
    """Whether interruptions wait, and whether one does."""

    is_on = False
    has_come = False


def interrupted_by_signals() -> None:
    """Let SIGTERM and a lost terminal raise KeyboardInterrupt in this process, as Ctrl-C does.

    Only the first one does: those that follow don't disturb the telling of what was done. What is
    ignored, as `nohup` has it, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _interrupt)


def _interrupt(number: int, _frame: object) -> None:
    for each in _SIGNALS:
        signal.signal(each, _go_on)
    if _Hold.is_on:
        _Hold.has_come = True
    else:
        raise KeyboardInterrupt


@contextmanager
def hold_when_committing() -> Iterator[type[_Hold]]:
    """Let interruptions wait from `is_on` until the block ends: what was committed has been counted then.

    Raises KeyboardInterrupt at the end if one came. To be switched on right before the COMMIT: all that may take
    long can be interrupted.
    """
    _Hold.has_come = False
    try:
        yield _Hold
    finally:
        _Hold.is_on = False
        # Also if the COMMIT failed: those that follow are ignored.
        if _Hold.has_come:
            raise KeyboardInterrupt


def _go_on(_number: int, _frame: object) -> None:
    """SIG_IGN would do, but of one that has just come Python would complain."""


def is_interruption(error: BaseException) -> bool:
    """Tell whether `error` is an interruption, or comes of one: clearing up after it may fail too."""
    behind: BaseException | None = error
    seen: set[int] = set()
    while behind is not None and id(behind) not in seen:
        if isinstance(behind, KeyboardInterrupt):
            return True
        seen.add(id(behind))
        behind = behind.__cause__ or behind.__context__
    return False
