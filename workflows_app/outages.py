"""When the database is away: telling that from all other errors, and saying it once.

Away is a server that is restarted, fails over, closes a session or lets nobody in, and one that takes
no changes: read-only after a failover, or out of room. All else is a fault, of code or of data.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Iterator
from enum import Enum

import psycopg

# Not by the package: it would read the settings, and manage.py needs this to say what is wrong with them.
from django.utils.translation.trans_null import gettext_noop

logger = logging.getLogger("workflows_app")


class Outage(Enum):
    """What is the matter: in English; pages translate it."""

    UNREACHABLE = gettext_noop("The database can't be reached.")
    READ_ONLY = gettext_noop("The database takes no changes at the moment.")
    FULL = gettext_noop("The database has no room left.")


_KINDS = {
    "25006": Outage.READ_ONLY,
    # The session, or its transaction, was ended by a limit for idle ones.
    "25P03": Outage.UNREACHABLE,
    "25P04": Outage.UNREACHABLE,
    "53100": Outage.FULL,
    # An administrator's command, a crash of the server, a start, a dropped database, an idle session.
    "57P01": Outage.UNREACHABLE,
    "57P02": Outage.UNREACHABLE,
    "57P03": Outage.UNREACHABLE,
    "57P04": Outage.UNREACHABLE,
    "57P05": Outage.UNREACHABLE,
    "58030": Outage.UNREACHABLE,
}
#: A role lacks a privilege: no outage.
NOT_ALLOWED = "42501"
#: Connections that broke, and memory or connections that ran out.
_CLASSES = ("08", "53")


def outage_of(error: BaseException) -> Outage | None:
    """Return what is the matter with the database if `error` says so; None if it is another error."""
    said = _driver_s(error)
    if said is None:
        return None
    state = said.sqlstate
    if state is not None:
        return _KINDS.get(state, Outage.UNREACHABLE if state.startswith(_CLASSES) else None)
    # Without an answer of the server there is no state.
    is_cut = isinstance(said, psycopg.OperationalError)
    is_aftermath = isinstance(said, psycopg.errors.PipelineAborted)
    return Outage.UNREACHABLE if is_cut and not is_aftermath else None


def sqlstate_of(error: BaseException) -> str | None:
    """Return the code that the server gave the error, if it answered."""
    said = _driver_s(error)
    return None if said is None else said.sqlstate


def said_by_driver(error: BaseException) -> str:
    """Return the driver's message on one line."""
    said = _driver_s(error) or error
    message = said.diag.message_primary if isinstance(said, psycopg.Error) else None
    return " ".join((message or str(said)).split())


def _driver_s(error: BaseException) -> psycopg.Error | None:
    """Return the driver's error that Django or the queue has wrapped, if it is one."""
    cause: BaseException | None = error
    seen: set[int] = set()
    # `raise error from error` makes one that comes of itself.
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, psycopg.Error):
            return cause
        seen.add(id(cause))
        cause = cause.__cause__
    return None


def pauses(first_seconds: float, longest_seconds: float) -> Iterator[float]:
    """Yield how long to wait before each further try: twice as long each time, a bit less by chance."""
    pause = first_seconds
    while True:
        yield pause * random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        pause = min(2 * pause, longest_seconds)


class Watch:
    """Logs once that the database is away, and once that it is back: not before it stays."""

    def __init__(self, quiet_seconds: float) -> None:
        self._quiet_seconds = quiet_seconds
        self._lock = threading.Lock()
        self._away_since: float | None = None
        self._last_seen_away = -math.inf

    def saw(self, error: BaseException) -> bool:
        """Tell whether `error` means that the database is away; say so if that is new."""
        outage = outage_of(error)
        if outage is None:
            return False
        with self._lock:
            now = time.monotonic()
            is_new = self._away_since is None
            self._away_since = now if is_new else self._away_since
            self._last_seen_away = now
        if is_new:
            kind = outage.name.lower()
            logger.warning("database.away kind=%s error=%s", kind, said_by_driver(error))
        return True

    def back(self) -> None:
        """Call it after the database has done what it was asked for."""
        if self._away_since is None:
            return
        with self._lock:
            since = self._away_since
            if since is None or time.monotonic() - self._last_seen_away < self._quiet_seconds:
                return
            self._away_since = None
        logger.warning("database.back away_seconds=%.1f", self._last_seen_away - since)


#: Of this process.
watch = Watch(quiet_seconds=5.0)


class ToldOnce(logging.Filter):
    """Leaves it to the watch what libraries log about a database that is away, often with a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        told: list[object] = [record.exc_info[1]] if record.exc_info else []
        told += record.args if isinstance(record.args, tuple) else ()
        return not any(self._is_about_outage(item) for item in told)

    def _is_about_outage(self, item: object) -> bool:
        if isinstance(item, psycopg.Connection | psycopg.AsyncConnection):
            return item.closed
        return isinstance(item, BaseException) and watch.saw(item)
