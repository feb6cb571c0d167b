"""The unit of work: what a transaction changes is collected, and sent together (P4).

Within `collected()` writes wait for the end of the block, or for `flush()`, and go to the server
together, in one round trip: a statement for all that is written in the same way. Whoever reads in
such a block what it has written must flush first. How they become SQL is in `models.statements`.

A flush makes its writes in layers. In a layer no row is written twice, and updates come before
inserts: what a new row needs out of the way, whatever the order in which the two were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.utils import timezone

from workflows_app.models.pipeline import Reply, round_trip
from workflows_app.models.reading import Query, Reading, together
from workflows_app.models.rows import Sent
from workflows_app.models.statements import Shape, document_of, standing_on, statement_of

R = TypeVar("R", bound=Sent)


@dataclass
class Write:
    """A row to be written, by column."""

    shape: Shape
    row: dict[str, Any]
    instance: models.Model


class _Layer:
    """Writes that PostgreSQL may make in any order, but for the inserts: they come last, and a row after
    those that it refers to, for constraints may be checked at once."""

    def __init__(self) -> None:
        self._sets: dict[Shape, list[Write]] = {}
        self._rows: set[tuple[type[models.Model], Any]] = set()

    def takes(self, write: Write) -> bool:
        """Add `write`, unless its row is written here already."""
        key = write.instance.pk
        if key is not None:
            row = (write.shape.model, key)
            if row in self._rows:
                return False
            self._rows.add(row)
        self._sets.setdefault(write.shape, []).append(write)
        return True

    def sets(self) -> list[list[Write]]:
        """Return what is written in the same way together, in the order in which it is written."""
        return sorted(self._sets.values(), key=lambda writes: _place(writes[0].shape))


def _place(shape: Shape) -> int:
    return 1 + standing_on(shape.model) if shape.is_insert else 0


class Changes:
    """Writes that wait to be sent together."""

    def __init__(self) -> None:
        self._layers: list[_Layer] = []
        self._later: list[Sent] = []
        self._asked: list[Sent] = []

    def add(self, write: Write) -> None:
        if not (self._layers and self._layers[-1].takes(write)):
            self._layers.append(_Layer())
            self._layers[-1].takes(write)

    def then(self, statement: Sent) -> None:
        """Let `statement` be executed after the rows that wait."""
        self._later.append(statement)

    def ask(self, reading: Sent) -> None:
        """Let `reading` be read at the end of the block, after all of its writes."""
        self._asked.append(reading)

    def finish(self, *, commit: bool) -> None:
        """Send what waits, and what was asked. With `commit` the transaction ends with it."""
        self._send(self._asked, commit=commit)

    def flush(self, *queries: Query) -> list[list[Any]]:
        """Send what waits, in order, and then read, in one round trip. Return the rows of `queries`.

        Needs an open transaction. Raises what the first statement that failed raised, as Django's errors.
        """
        if not self._layers and not self._later:
            return together(*queries) if queries else []
        reads = [Reading(query, values) for query, values in queries]
        self._send(reads)
        return [read.rows() for read in reads]

    def _send(self, reads: Sequence[Sent], *, commit: bool = False) -> None:
        layers, self._layers = self._layers, []
        later, self._later = self._later, []
        if not (layers or later or self._asked):
            return
        date = timezone.now()
        sets = [writes for layer in layers for writes in layer.sets()]
        statements = [_statement(writes, date) for writes in sets]
        database = connections[DEFAULT_DB_ALIAS]
        database.ensure_connection()
        with database.wrap_database_errors:
            with round_trip(database.connection) as trip:
                replies = [trip.execute(*statement) for statement in statements]
                for sent in (*later, *reads):
                    sent.send(trip)
                if commit:
                    trip.execute("COMMIT")
            for writes, reply in zip(sets, replies, strict=True):
                _take(writes, reply)


def _statement(writes: list[Write], date: datetime) -> tuple[str, list[Any]]:
    """Return the statement that makes `writes`, which are of one shape, and its values."""
    shape = writes[0].shape
    values = [document_of([write.row for write in writes]), len(writes)]
    return statement_of(shape), [*values, date] if shape.has_history else values


def _take(writes: list[Write], reply: Reply) -> None:
    if writes[0].shape.is_insert:
        # It gives a row whatever it writes.
        ((keys,),) = reply.rows()
        for write, key in zip(writes, keys, strict=True):
            # None: it is there already.
            write.instance.pk = key
            if key is not None:
                write.instance._state.adding = False
                write.instance._state.db = DEFAULT_DB_ALIAS


_current: ContextVar[Changes | None] = ContextVar("changes", default=None)


def current() -> Changes | None:
    """Return the changes of the block of `collected` that is open, if one is."""
    return _current.get()


@contextmanager
def collected(*, commit: bool = False) -> Iterator[Changes]:
    """Let the writes of the block wait, and send them at its end. Needs an open transaction.

    `commit`: the transaction ends with the block, and its end goes along with the last writes.
    """
    changes = Changes()
    token = _current.set(changes)
    try:
        yield changes
        changes.finish(commit=commit)
    finally:
        _current.reset(token)


def flush(*queries: Query) -> list[list[Any]]:
    """Send what waits in this block, if anything, so that it can be read and has its keys.

    Returns the rows of `queries`, read after it in the same round trip.
    """
    changes = current() or Changes()
    return changes.flush(*queries)


def then(statement: Sent) -> None:
    """Let `statement` be executed after the rows of this block are written. Needs `collected`."""
    _changes().then(statement)


def ask(reading: R) -> R:
    """Let `reading` be read at the end of this block, after its writes; return it. Needs `collected`."""
    _changes().ask(reading)
    return reading


def _changes() -> Changes:
    changes = current()
    assert changes is not None, "only a block of `collected` has an end to wait for"
    return changes
