"""Authors' code that somebody waits for: a deployment, or a person at a page. It gets a limit (P8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

from django.db import connections

A = TypeVar("A")
T = TypeVar("T")

#: How long a page waits for what an author's code says.
PAGE_SECONDS = 5.0
#: What nobody waits for any more, and that may still be under way.
_hanging: dict[str, Thread] = {}


class TookTooLong(Exception):
    """The author's code did not answer in time. Its thread can't be stopped."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it took longer than {seconds:g} s")


class LeftItsThread(Exception):
    """The author's code raised what is no Exception, as SystemExit or CancelledError."""


def answer_within(seconds: float, work: Callable[[], T], *, who: str) -> T:
    """Return what `work` returns, in a thread of its own with sessions of its own.

    Raises the Exception that it raises, LeftItsThread for all else, and TookTooLong. While what is called `who` still hangs, it is not called
    again: each call would cost a thread.
    """
    ((value, error),) = answers_within(seconds, lambda _: work(), [None], who=who)
    if isinstance(error, Exception):
        raise error
    if error is not None:
        # It would end a web process that has asked.
        raise LeftItsThread(type(error).__name__) from error
    return value  # type: ignore[return-value]  # without an error it is what `work` returned


def answers_within(
    seconds: float, ask: Callable[[A], T], things: Sequence[A], *, who: str
) -> Iterator[tuple[T | None, BaseException | None]]:
    """Yield what `ask` returns or raises for each of `things`, one after the other, in one thread for all.

    `seconds`: the limit of each. The first one that outlasts it is answered with TookTooLong, and is the last.
    """
    if (before := _hanging.get(who)) and before.is_alive():
        yield None, TookTooLong(seconds)
        return
    answers: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()
    nobody_waits = Event()

    def answer() -> None:
        try:
            for thing in things:
                if nobody_waits.is_set():
                    return
                try:
                    answers.put((ask(thing), None))
                except BaseException as error:
                    answers.put((None, error))
        finally:
            connections.close_all()

    # A daemon: what never ends must not keep the process from ending.
    thread = Thread(target=copy_context().run, args=[answer], daemon=True, name="workflows-asked")
    thread.start()
    try:
        for _ in things:
            yield answers.get(timeout=seconds)
    except Empty:
        _hanging[who] = thread
        yield None, TookTooLong(seconds)
    finally:
        nobody_waits.set()
