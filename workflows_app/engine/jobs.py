"""Authors' code in threads, with a time limit (P3, P8).

The host gives a job to a thread, and goes on without it when its time is over: the thread can't be
stopped, and what it answers later is handed to `late`, one answer at a time. A thread whose job ended in
time waits a while for the next one.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from django.db import close_old_connections, connections
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from workflows_app.sdk.deadlines import limit_call, machine_seconds

#: How a thread is called while it works, and while it waits.
_WORKING, _WAITING = "workflows-call", "workflows-caller"
#: Jobs that nobody waits for any more, and that still keep their threads.
_hanging: set[Job] = set()
#: How long it waits for the next job.
_IDLE_SECONDS = 10.0
#: Whether this thread has ever connected to a database: most never do.
_this_thread = threading.local()


@receiver(connection_created, dispatch_uid="workflows_app.engine.jobs")
def _note_connection(**_: Any) -> None:
    _this_thread.has_connected = True


def _close_unusable() -> None:
    """Close what authors' code has opened, but keep it for the next job if the settings allow."""
    if hasattr(_this_thread, "has_connected"):
        close_old_connections()


@dataclass(frozen=True)
class Answer:
    """What a job gave: a value, an error, or nothing within the limit."""

    value: Any = None
    error: BaseException | None = None
    timed_out: bool = False
    duration_ms: int = 0
    #: When the job was given, by `machine_seconds`.
    began: float = field(default_factory=machine_seconds)


class Job:
    """A piece of work, and who is told of its end: `done` within `seconds`, `late` after them."""

    def __init__(
        self,
        work: Callable[[], Any],
        *,
        seconds: float,
        done: Callable[[Answer], None],
        late: Callable[[Answer], None],
    ) -> None:
        self._work = work
        self._done = done
        self._late = late
        self._lock = threading.Lock()
        self._is_over = False
        self._context = contextvars.copy_context()
        # First: what it sends must not leave when its time is over.
        self._context.run(limit_call, seconds)
        self._began = machine_seconds()
        self._started = time.monotonic()
        self.ends_at = self._started + seconds

    @property
    def is_over(self) -> bool:
        """Tell whether nobody waits for its end any more."""
        return self._is_over

    def _answer(self, **what: Any) -> Answer:
        elapsed_ms = int((time.monotonic() - self._started) * 1000)
        return Answer(**what, duration_ms=elapsed_ms, began=self._began)

    def run(self, *, afterwards: Callable[[], None] = lambda: None) -> bool:
        """Do the work here, then `afterwards`. Return whether somebody still waited for its end."""
        return self._context.run(self._run, afterwards)

    def _run(self, afterwards: Callable[[], None]) -> bool:
        try:
            answer = self._answer(value=self._work())
        except BaseException as error:
            answer = self._answer(error=error)
        try:
            afterwards()
        finally:
            # Whatever becomes of this thread: the answer may be known to nobody else.
            with self._lock:
                in_time, self._is_over = not self._is_over, True
                _hanging.discard(self)
            if in_time:
                self._done(answer)
            else:
                self._late(answer)
        return in_time

    def give_up(self) -> Answer | None:
        """Wait no longer: return an answer that says `timed_out`, or None if it has ended by itself."""
        with self._lock:
            if self._is_over:
                return None
            self._is_over = True
            _hanging.add(self)
        return self._answer(timed_out=True)


def hanging() -> int:
    """Return how many threads of this process hang in authors' code whose time is over."""
    return len(_hanging)


class Worker:
    """A thread that does one job after the other.

    Jobs wait in one line, with a thread of its own at hand for each. Whoever takes a job has the next thread look
    at the line, and comes back to it when the job is done. So of short jobs one thread does many, without the time
    that it takes to wake another one, and a job that takes long holds up no other.
    """

    _jobs: deque[Job] = deque()
    #: Those that the jobs in the line can count on, and those that nobody needs now.
    _at_hand: list[Worker] = []
    _idle: list[Worker] = []
    #: A thread is about to look at the line.
    _is_called = False

    def __init__(self) -> None:
        self._calls: SimpleQueue[bool] = SimpleQueue()
        # A daemon: a job that never ends must not keep the process from ending.
        threading.Thread(target=self._run, daemon=True, name=_WAITING).start()

    @classmethod
    def start(cls, job: Job) -> None:
        """Let a thread do `job`: one that waits, or a new one."""
        try:
            worker = cls._idle.pop()
        except IndexError:
            worker = cls()
        cls._at_hand.append(worker)
        cls._jobs.append(job)
        cls._call_one()

    @classmethod
    def _call_one(cls) -> None:
        if not cls._is_called:
            with contextlib.suppress(IndexError):
                worker = cls._at_hand.pop()
                cls._is_called = True
                worker._calls.put(True)

    @classmethod
    def end_idle(cls) -> None:
        """Have the threads that wait for a job end, with their connections."""
        with contextlib.suppress(IndexError):
            while True:
                cls._idle.pop()._calls.put(False)

    def _run(self) -> None:
        thread = threading.current_thread()
        try:
            while self._is_wanted():
                thread.name = _WORKING
                # Before it looks: for a job that comes from now on, another one is called.
                Worker._is_called = False
                if not self._do_jobs():
                    return
                thread.name = _WAITING
                self._idle.append(self)
        finally:
            connections.close_all()

    def _do_jobs(self) -> bool:
        """Do what is in the line; return False if the time of a job was over before its end."""
        is_first = True
        while (job := self._taken()) is not None:
            if not is_first:
                self._spare_one()
            if self._jobs:
                self._call_one()
            if not job.run(afterwards=_close_unusable):
                return False
            is_first = False
        return True

    def _taken(self) -> Job | None:
        try:
            return self._jobs.popleft()
        except IndexError:
            return None

    def _spare_one(self) -> None:
        """Let go of the thread that was at hand for a job which this one has taken besides its own."""
        with contextlib.suppress(IndexError):
            self._idle.append(self._at_hand.pop())

    def _is_wanted(self) -> bool:
        """Wait to be called. Return False when that did not happen for a while, or to have it end."""
        while True:
            try:
                return self._calls.get(timeout=_IDLE_SECONDS)
            except Empty:
                try:
                    self._idle.remove(self)
                except ValueError:
                    # It is at hand for a job, or somebody is about to call it.
                    continue
                return False
