"""How long one statement may take: a page less than a worker, and that less than a command that reports.

The limit belongs to a session, and is set when one is opened. So the database stops whoever asked for
too much, and no thread waits for it any longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from workflows_app.poolers import is_lent

#: PostgreSQL's code of a statement that was stopped.
STOPPED = "57014"
#: What PostgreSQL can count up to: 24 days.
_MOST_MILLISECONDS = 2**31 - 1

#: Of what this thread does now: a request.
_here: ContextVar[float | None] = ContextVar("statement_seconds", default=None)
#: Of all threads of this process: a command, a worker.
_of_process: list[float] = []
_SET = "workflows_statement_seconds"


@contextmanager
def statements_limited(seconds: float, *, everywhere: bool = False) -> Iterator[None]:
    """Stop each statement after `seconds`, 0 never, in this thread; or `everywhere`, in all of them.

    A transaction that is open already keeps the limit that it has.
    """
    token = None if everywhere else _here.set(seconds)
    if everywhere:
        _of_process.append(seconds)
    try:
        _close_others()
        yield
    finally:
        if token is None:
            _of_process.remove(seconds)
            _close_others()
        else:
            # A session of requests keeps their limit for the next one.
            _here.reset(token)


def _wanted() -> float | None:
    here = _here.get()
    return here if here is not None else next(reversed(_of_process), None)


def _close_others() -> None:
    """Close what this thread has open with another limit; it is opened again when it is needed."""
    for connection in connections.all(initialized_only=True):
        is_other = vars(connection).get(_SET) != _wanted()
        if connection.connection is not None and is_other and not connection.in_atomic_block:
            connection.close()


@receiver(connection_created, dispatch_uid="workflows_app.statement_limits")
def _limit(connection: Any, **_: Any) -> None:
    vars(connection)[_SET] = seconds = _wanted()
    if seconds is None or connection.vendor != "postgresql":
        return
    if connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS") or is_lent(
        connection.connection
    ):
        # A pooler lends a session to others: there the limit is one of the role.
        return
    # Below 1 there would be no limit.
    milliseconds = min(max(int(seconds * 1000), 1), _MOST_MILLISECONDS) if seconds else 0
    # By the driver: it is no statement of the page.
    connection.connection.execute(
        "SELECT set_config('statement_timeout', %s, false)", [str(milliseconds)]
    )
