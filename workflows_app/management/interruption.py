"""When somebody ends a command before it is done: by Ctrl-C, SIGTERM or a closed terminal."""

from __future__ import annotations

import signal
import threading
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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


def _interrupt(number: int, _frame: object) -> NoReturn:
    for each in _SIGNALS:
        signal.signal(each, _go_on)
    raise KeyboardInterrupt


def _go_on(_number: int, _frame: object) -> None:
    """SIG_IGN would do, but of one that has just come Python would complain."""


def is_interruption(error: BaseException) -> bool:
    """Tell whether `error` is an interruption, or comes of one: clearing up after it may fail too."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, KeyboardInterrupt):
            return True
        behind = behind.__cause__ or behind.__context__
    return False
