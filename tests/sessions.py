"""Sessions of the database that PostgreSQL knows by a name, so that a test can ask it who waits for whom.

Workers give their transactions a name of their own. So each session says its name twice: by a setting, to
triggers, and by a lock that it keeps and nobody waits for, to other sessions.
"""

from __future__ import annotations

from contextvars import ContextVar
from itertools import count
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created

from tests.owner import startup_options

#: A session that waits longer than this, for a lock or for one statement, is told so by the server.
_LIMITS = "-c lock_timeout=15s -c statement_timeout=30s"
#: What its name is called, as a setting.
NAME = "tests.session"
#: The first key of the locks that tell sessions apart.
_MARK = 4711

_name: ContextVar[str] = ContextVar("session", default="")
_numbers: dict[str, int] = {}
_count = count(1)


def enter(name: str) -> None:
    """Give this thread's session, which is not open yet, its name and its limits."""
    _name.set(name)
    own: Any = connection
    options = {
        **own.settings_dict["OPTIONS"],
        "options": f"{startup_options()} {_LIMITS} -c {NAME}={name}",
    }
    own.settings_dict = {**own.settings_dict, "OPTIONS": options}


def current() -> str:
    """Return the name of the session that this thread belongs to: a call's thread to its worker's."""
    name = _name.get()
    if name and connection.connection is None:
        enter(name)
    return name


def _number_of(name: str) -> int:
    return _numbers.setdefault(name, next(_count))


def _mark(connection: Any, **_: Any) -> None:
    """Let a session that was just opened keep the lock of its name."""
    name = _name.get()
    if name and NAME in connection.settings_dict["OPTIONS"].get("options", ""):
        with connection.cursor() as cursor:
            mark = [_MARK, _number_of(name)]
            cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", mark)


connection_created.connect(_mark, dispatch_uid="tests.sessions")


def blockers(name: str) -> list[str]:
    """Return the names of the sessions whose locks the session waits for, as PostgreSQL has it.

    The session of the test itself has none, and is an empty string.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT theirs.objid FROM pg_locks mine"
            " JOIN pg_stat_activity waiting USING (pid)"
            " CROSS JOIN unnest(pg_blocking_pids(mine.pid)) AS other(pid)"
            " LEFT JOIN pg_locks theirs ON theirs.pid = other.pid AND theirs.locktype = 'advisory'"
            "  AND theirs.classid = mine.classid AND theirs.objsubid = mine.objsubid"
            " WHERE mine.locktype = 'advisory' AND mine.classid = %s AND mine.objid = %s"
            " AND mine.objsubid = 2 AND waiting.wait_event_type = 'Lock'"
            " AND waiting.datname = current_database()",
            [_MARK, _number_of(name)],
        )
        names = {number: known for known, number in _numbers.items()}
        return [names.get(number, "") for (number,) in cursor.fetchall()]
