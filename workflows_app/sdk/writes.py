"""A hint for authors whose code writes rows where they don't commit with the run (P2).

`prepare`, `mutate`, `next` and `lane` may be called again for the same events, and what they write is not undone.
Statements that go through Django's connections are looked at while one of them is called, in its thread. It is a hint, and
refuses nothing: what writes in another way, or in other threads, is not seen. `execute` of a mutator may write to another
database as its effect, and is not looked at.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created
from django.dispatch import receiver

logger = logging.getLogger("workflows_app")

_VERB = r"(?:INSERT\s+INTO|UPDATE(?:\s+ONLY)?|DELETE\s+FROM(?:\s+ONLY)?|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?)"
_NAME = r"""((?:"[^"]+"|`[^`]+`|[\w$]+)(?:\.(?:"[^"]+"|`[^`]+`|[\w$]+))*)"""
#: Each is taken whole: else a statement with many of them could be read in too many ways.
_COMMENTS = r"(?:\s|(?>/\*.*?\*/)|--[^\n]*\n)*"
_WRITES = re.compile(rf"{_COMMENTS}{_VERB}\s+{_NAME}", re.IGNORECASE | re.DOTALL)
#: In parentheses, or after the last of them.
_WITH = re.compile(rf"{_COMMENTS}WITH\b.*?[()]\s*{_VERB}\s+{_NAME}", re.IGNORECASE | re.DOTALL)
_HINT = "{phase} may be called again, and what it writes is not undone; write rows in record, which commits with the run"

#: Workflow, handler and phase.
Place = tuple[str, str, str]
#: What this process was told of.
_told: set[Place] = set()
#: Who hears of each place besides: a test.
_hearers: list[dict[Place, str]] = []
_this_thread = threading.local()


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collect the hints of a block, in whatever thread, also those that were given before."""
    places: dict[Place, str] = {}
    hints: list[str] = []
    _hearers.append(places)
    try:
        yield hints
    finally:
        _hearers[:] = [each for each in _hearers if each is not places]
        hints.extend(places.values())


class looked_at:  # noqa: N801 - it is used as a function
    """Look at what the block writes in this thread: `phase` of a handler. The innermost block counts."""

    __slots__ = ("_before", "_place")

    def __init__(self, workflow: str, handler: str, phase: str) -> None:
        self._place = (workflow, handler, phase)

    def __enter__(self) -> None:
        if not hasattr(_this_thread, "place"):
            # Once a thread: to look for its connections takes longer than all else here.
            _this_thread.place = None
            for database in connections.all(initialized_only=True):
                _look_at(database)
        self._before: Place | None = _this_thread.place
        _this_thread.place = self._place

    def __exit__(self, *_: object) -> None:
        _this_thread.place = self._before


@receiver(connection_created, dispatch_uid="workflows_app.sdk.writes")
def _look_at_new(connection: Any, **_: Any) -> None:
    if hasattr(_this_thread, "place"):
        _look_at(connection)


def _look_at(database: Any) -> None:
    if _look not in database.execute_wrappers:
        # Not at the end: whoever has put one there takes the last one away.
        database.execute_wrappers.insert(0, _look)


def _look(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    result = execute(sql, params, many, context)
    # What failed wrote nothing, and what is no text can be read now.
    place: Place | None = getattr(_this_thread, "place", None)
    if place is not None and (place not in _told or _hearers):
        table = table_written(sql, context["connection"].connection)
        if table:
            _tell(place, table)
    return result


def table_written(sql: object, driver: Any) -> str:
    """Return the name of the table that a statement writes to; nothing if it only reads.

    `driver`: the driver's connection, by which it was sent; it knows how the author's values are written.
    """
    text = sql if isinstance(sql, str) else str(getattr(sql, "as_string", lambda _: "")(driver))
    found = _WRITES.match(text) or _WITH.match(text)
    return re.sub(r'["`]', "", found[1]) if found else ""


def _tell(place: Place, table: str) -> None:
    workflow, handler, phase = place
    told = f"workflow={workflow} handler={handler} phase={phase} table={table} hint={_HINT.format(phase=phase)}"
    for places in _hearers:
        places.setdefault(place, f"handler.wrote {told}")
    if place not in _told:
        _told.add(place)
        logger.warning("handler.wrote %s", told)
