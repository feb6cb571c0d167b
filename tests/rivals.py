"""Races with a known winner: a test holds a lock until PostgreSQL says that the rivals wait for it.

Rivals for one row are served in the order in which they came, so a test chooses who wins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from django.db import connection, connections

from tests.eventually import eventually
from tests.owner import as_owner

T = TypeVar("T")


def sessions_that_wait() -> list[int]:
    """Return the sessions of this database that wait for a lock of another, by their numbers."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return [pid for (pid,) in cursor.fetchall()]


def waiting_for_locks() -> int:
    """Return how many sessions of this database wait for a lock of another."""
    return len(sessions_that_wait())


@contextmanager
def holding(statement: str, *params: Any) -> Iterator[None]:
    """Keep the locks that `statement` takes, on a connection of its own, for the block."""
    own: Any = connection.copy()
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute(statement, params)
        yield
    finally:
        own.rollback()
        own.close()


@contextmanager
def workflows_held(*workflow_ids: int) -> Iterator[None]:
    """Keep the row locks of these workflows: nothing of them changes during the block."""
    ids = list(workflow_ids)
    with holding("SELECT FROM workflows_app_workflow WHERE id = ANY(%s) FOR UPDATE", ids):
        yield


class Rival(Generic[T]):
    """A function in a thread and on a connection of its own, to be joined for what it gave."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="rival", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value.append(self._function())
        except BaseException as error:
            self._error = error
        finally:
            connections.close_all()

    def result(self, *, within_seconds: float = 20.0) -> T:
        """Return what the function returned, or raise what it raised. A deadlock is an error."""
        self._thread.join(within_seconds)
        assert not self._thread.is_alive(), f"The rival has not ended within {within_seconds:g} s."
        if self._error is not None:
            raise self._error
        return self._value[0]


def in_turn(*actions: Callable[[], Any]) -> None:
    """Do `actions`, each of which makes somebody wait for a lock, each after the one before does."""
    before = waiting_for_locks()
    for number, action in enumerate(actions, start=1):
        action()
        eventually(waiting_for_locks, before + number)


def queued(*functions: Callable[[], T]) -> list[Rival[T]]:
    """Start `functions` as rivals for a lock that is held: the first one will be the first to get it."""
    rivals: list[Rival[T]] = []
    in_turn(*(lambda function=function: rivals.append(Rival(function)) for function in functions))
    return rivals
