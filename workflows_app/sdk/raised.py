"""Whose an error is that left authors' code (P3, P8).

Whatever it is derived from, it is the code's own: a library may raise CancelledError, SystemExit or a class that
nobody is to catch. Two kinds are not, and end whoever called the code: Ctrl-C, and what ends a test.
"""

from __future__ import annotations

import threading
from abc import ABCMeta


class EndsTest(BaseException, metaclass=ABCMeta):
    """Raised in a test, in authors' code: it ends the host that runs there, and not the run."""


def is_for_caller(error: BaseException) -> bool:
    """Tell whether `error` is to go on to whoever called authors' code. To be asked in the thread that it came up in."""
    if isinstance(error, KeyboardInterrupt):
        # Python raises it for Ctrl-C in this thread alone.
        return threading.current_thread() is threading.main_thread()
    return isinstance(error, EndsTest)
