"""Calls of authors' code that reaches outside, with a time limit (P3).

The call runs in another thread. When the limit is over, the host goes on with an unknown outcome;
the thread can't be stopped, and what it answers later is handed to `on_late`. A thread whose call
came back in time waits a while for the next one.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from django.db import connections

from workflows_app.sdk.deadlines import limit_call

#: How a thread is called while it calls, and while it waits.
_CALLING, _WAITING = "workflows-call", "workflows-caller"
#: How long it waits for the next call.
_IDLE_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What a call gave: a value, an error, or nothing within the limit."""

    value: Any = None
    error: BaseException | None = None
    timed_out: bool = False
    duration_ms: int = 0


def call_with_limit(
    function: Callable[[], Any], *, seconds: float, on_late: Callable[[Answer], None]
) -> Answer:
    """Call `function` and return its answer, or after `seconds` one that says `timed_out`.

    An exception is returned, not raised; but what is no `Exception` (the process is told to end)
    is raised here as it is.
    """
    call = _Call(function, seconds, on_late)
    _Caller.found_or_made().make(call)
    answer = call.wait(seconds)
    if answer.error is not None and not isinstance(answer.error, Exception):
        raise answer.error
    return answer


class _Call:
    def __init__(
        self, function: Callable[[], Any], seconds: float, on_late: Callable[[Answer], None]
    ) -> None:
        self._function = function
        self._on_late = on_late
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._abandoned = False
        self._answer: Answer | None = None
        self._started = time.monotonic()
        self._context = contextvars.copy_context()
        self._context.run(limit_call, seconds)

    def _elapsed_ms(self) -> int:
        return int((time.monotonic() - self._started) * 1000)

    def make(self) -> bool:
        """Call the function. Return whether somebody still waited for its answer."""
        return self._context.run(self._make)

    def _make(self) -> bool:
        try:
            try:
                answer = Answer(value=self._function(), duration_ms=self._elapsed_ms())
            except BaseException as error:
                answer = Answer(error=error, duration_ms=self._elapsed_ms())
            with self._lock:
                self._answer = answer
                is_late = self._abandoned
            if is_late:
                self._on_late(answer)
            return not is_late
        finally:
            # The thread's own connections, if the author's code used the database.
            connections.close_all()
            self._done.set()

    def wait(self, seconds: float) -> Answer:
        self._done.wait(seconds)
        with self._lock:
            if self._answer is None:
                self._abandoned = True
                return Answer(timed_out=True, duration_ms=self._elapsed_ms())
            return self._answer


class _Caller:
    """A thread that makes one call after the other."""

    _idle: list[_Caller] = []

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        # A daemon: a call that never returns must not keep the worker from ending.
        threading.Thread(target=self._run, daemon=True, name=_CALLING).start()

    @classmethod
    def found_or_made(cls) -> _Caller:
        try:
            return cls._idle.pop()
        except IndexError:
            return cls()

    def make(self, call: _Call) -> None:
        self._calls.put(call)

    def _run(self) -> None:
        thread = threading.current_thread()
        while (call := self._next()) is not None:
            thread.name = _CALLING
            if not call.make():
                return
            thread.name = _WAITING
            self._idle.append(self)

    def _next(self) -> _Call | None:
        """Return the next call, or None when none came for a while."""
        while True:
            try:
                return self._calls.get(timeout=_IDLE_SECONDS)
            except Empty:
                try:
                    self._idle.remove(self)
                except ValueError:
                    # Somebody has just taken it, and is about to hand over a call.
                    continue
                return None
