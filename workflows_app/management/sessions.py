"""The database sessions of a worker, which lives longer than a request."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.signals import connection_created

#: For so long after it was used, a session that has not been hung up is taken to be there. A network may forget,
#: without a word, one that nobody uses for longer.
_TRUSTED_SECONDS = 60.0
#: How long a session of a thread is kept, if the settings would have it end with each job.
_KEPT_SECONDS = 60


@contextlib.contextmanager
def own_sessions() -> Iterator[None]:
    """Keep the sessions of this process, whatever the settings say of requests, and without Django's pool.

    One that ended with each job would have to be opened for the next one, which would also have all of its
    statements planned anew: that takes longer than an event.
    """
    database = connections.settings[DEFAULT_DB_ALIAS]
    kept = ("CONN_MAX_AGE", "CONN_HEALTH_CHECKS", "OPTIONS")
    before = {name: database[name] for name in kept}
    if before["OPTIONS"].get("pool"):
        # The system checks may have taken one of its sessions, and it wants that back.
        connections[DEFAULT_DB_ALIAS].close()
    if database["CONN_MAX_AGE"] == 0:
        database |= {"CONN_MAX_AGE": _KEPT_SECONDS, "CONN_HEALTH_CHECKS": True}
    database["OPTIONS"] = {name: how for name, how in before["OPTIONS"].items() if name != "pool"}
    connection_created.connect(_ask_seldom)
    try:
        yield
    finally:
        connection_created.disconnect(_ask_seldom)
        database |= before


def notice_end(session: psycopg.BaseConnection[Any]) -> None:
    """See, without a statement, that the server has ended a session. Raises psycopg.OperationalError."""
    # First what the server said last, if anything, then that it has hung up.
    session.pgconn.consume_input()
    session.pgconn.consume_input()


def _ask_seldom(sender: Any, connection: Any, **_: Any) -> None:
    """Let a session be looked at before it is used again: Django would ask it `SELECT 1` each time."""
    connection.is_usable = partial(_is_usable, connection, _Used())


class _Used:
    """When a session was last found to be there."""

    def __init__(self) -> None:
        self.at = time.monotonic()


def _is_usable(connection: Any, used: _Used) -> bool:
    now = time.monotonic()
    is_trusted, used.at = now - used.at < _TRUSTED_SECONDS, now
    try:
        notice_end(connection.connection)
    except psycopg.OperationalError:
        return False
    is_quiet = is_trusted and not connection.errors_occurred
    return is_quiet or bool(type(connection).is_usable(connection))
