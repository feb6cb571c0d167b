"""Sessions of the database that PostgreSQL knows by a name, so that a test can ask it who waits for whom."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from django.db import connection

#: A session that waits longer than this, for a lock or for one statement, is told so by the server.
_LIMITS = "-c lock_timeout=15s -c statement_timeout=30s"

_name: ContextVar[str] = ContextVar("session", default="")


def enter(name: str) -> None:
    """Give this thread's session, which is not open yet, its name and its limits."""
    _name.set(name)
    own: Any = connection
    options = {**own.settings_dict["OPTIONS"], "application_name": name, "options": _LIMITS}
    own.settings_dict = {**own.settings_dict, "OPTIONS": options}


def current() -> str:
    """Return the name of the session that this thread belongs to: a call's thread to its worker's."""
    name = _name.get()
    if name and connection.connection is None:
        enter(name)
    return name


def blockers(name: str) -> list[str]:
    """Return the names of the sessions whose locks the session waits for, as PostgreSQL has it.

    The session of the test itself has none, and is an empty string.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT other.application_name FROM pg_stat_activity mine"
            " JOIN pg_stat_activity other ON other.pid = ANY(pg_blocking_pids(mine.pid))"
            " WHERE mine.datname = current_database() AND mine.application_name = %s"
            " AND mine.wait_event_type = 'Lock'",
            [name],
        )
        return [found for (found,) in cursor.fetchall()]
