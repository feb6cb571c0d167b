"""The one place that writes rows with history: what a transaction changes, set by set (P4).

Within `collected()` writes wait for the end of the block, or for `flush()`, and go to the server
together, in one round trip: a statement for all that is written in the same way. Whoever reads in
such a block what it has written must flush first. How they become SQL is in `models.statements`.

A flush makes its writes in layers. In a layer no row is written twice, and updates come before
inserts: what a new row needs out of the way, whatever the order in which the two were asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import psycopg
from django.contrib.auth.models import User
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.utils import timezone

from workflows_app.models.pipeline import round_trip
from workflows_app.models.reading import Query, Reading, together
from workflows_app.models.rows import Sent
from workflows_app.models.statements import (
    Shape,
    held_by,
    named_fields,
    row_of,
    standing_on,
    statement_of,
    stored_fields,
)

R = TypeVar("R", bound=Sent)


@dataclass
class _Write:
    """A row to be written, as JSON can hold it."""

    shape: Shape
    row: dict[str, Any]
    instance: models.Model


class _Layer:
    """Writes that PostgreSQL may make in any order, but for the inserts: they come last, and a row after
    those that it refers to, for constraints may be checked at once."""

    def __init__(self) -> None:
        self._sets: dict[Shape, list[_Write]] = {}
        self._rows: set[tuple[type[models.Model], Any]] = set()

    def takes(self, write: _Write) -> bool:
        """Add `write`, unless its row is written here already."""
        key = write.instance.pk
        if key is not None:
            row = (write.shape.model, key)
            if row in self._rows:
                return False
            self._rows.add(row)
        self._sets.setdefault(write.shape, []).append(write)
        return True

    def sets(self) -> list[list[_Write]]:
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

    def add(self, write: _Write) -> None:
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
            with round_trip(database.connection):
                # Not Django's cursor, which would have it planned each time.
                cursors = [psycopg.RawCursor(database.connection) for _ in statements]
                for cursor, statement in zip(cursors, statements, strict=True):
                    cursor.execute(*statement)  # type: ignore[call-overload,unused-ignore]
                for sent in (*later, *reads):
                    sent.send(database)
                if commit:
                    database.connection.execute("COMMIT")
            for writes, cursor in zip(sets, cursors, strict=True):
                _take(writes, cursor)


def _statement(writes: list[_Write], date: datetime) -> tuple[str, list[Any]]:
    """Return the statement that makes `writes`, which are of one shape, and its values."""
    shape = writes[0].shape
    values = [json.dumps([write.row for write in writes]), len(writes)]
    return statement_of(shape), [*values, date] if shape.has_history else values


def _take(writes: list[_Write], cursor: psycopg.Cursor[Any]) -> None:
    row = cursor.fetchone()
    assert row is not None, "it gives a row whatever it writes"
    if writes[0].shape.is_insert:
        for write, key in zip(writes, row[0], strict=True):
            # None: it is there already.
            write.instance.pk = key
            if key is not None:
                write.instance._state.adding = False
                write.instance._state.db = DEFAULT_DB_ALIAS


_current: ContextVar[Changes | None] = ContextVar("changes", default=None)


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
    changes = _current.get() or Changes()
    return changes.flush(*queries)


def then(statement: Sent) -> None:
    """Let `statement` be executed after the rows of this block are written. Needs `collected`."""
    _changes().then(statement)


def ask(reading: R) -> R:
    """Let `reading` be read at the end of this block, after its writes; return it. Needs `collected`."""
    _changes().ask(reading)
    return reading


def _changes() -> Changes:
    changes = _current.get()
    assert changes is not None, "only a block of `collected` has an end to wait for"
    return changes


def storable(text: str) -> str:
    """Return `text` as PostgreSQL can keep it: it knows neither NUL nor half surrogate pairs."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\\x00").encode(errors="backslashreplace").decode()


def save_with_history(
    instance: models.Model,
    *,
    reason: str,
    actor: User | None = None,
    fields: list[str] | None = None,
    was: Mapping[str, Any] | None = None,
    by_request: bool = False,
) -> None:
    """Insert or update `instance` and its history row with `reason` and `actor` (None: the host).

    Needs an open transaction. An insert keeps a key that the instance has. `fields` limits the update;
    without it, what has changed since this instance was last written here is updated, or all. `was`:
    the update is refused unless the row still has these values. `by_request`: the person, if any, is
    the one whose web request is being answered. After a rollback, read the instance anew.
    """
    model = type(instance)
    if instance._state.adding:
        assert not was, "a row that is inserted was nothing before"
        shape = _insert_of(model, has_history=True)
    else:
        changed = _changed(instance) if fields is None else tuple(fields)
        shape = Shape(model, changed, is_insert=False, has_history=True, was=tuple(was or ()))
    person = _person(instance, actor, by_request)
    _write(shape, [instance], reason=storable(reason), person=person, was=was)
    _remember(instance, shape.fields)


def insert_unless_there(
    instances: Sequence[models.Model],
    *,
    identity: tuple[str, ...],
    reason: str,
    actor: User | None = None,
    by_request: bool = False,
) -> None:
    """Insert `instances` of one model with their history now, but those whose identity is taken: of
    them nothing is written, and they are still to be added. Needs an open transaction.

    `identity`: the fields of a unique constraint. A row that is there is not waited for, whoever is
    changing it; one that another transaction is inserting is. They get their keys in the order given,
    and are inserted in the order of their identities, so that two who insert the same never deadlock.
    """
    if not instances:
        return
    shape = _insert_of(type(instances[0]), has_history=True, unless_there=True, identity=identity)
    person = _person(instances[0], actor, by_request)
    _write(shape, instances, reason=storable(reason), person=person)
    flush()


def insert(instance: models.Model, *, unless_there: bool = False) -> None:
    """Insert a row of a table without history. Needs an open transaction.

    `unless_there`: a row of the same identity may be there; then `instance` has no key.
    """
    _write(_insert_of(type(instance), unless_there=unless_there), [instance])


def insert_all(instances: Sequence[models.Model]) -> None:
    """Insert rows of one table without history. Needs an open transaction."""
    if instances:
        _write(_insert_of(type(instances[0])), instances)


def update(instance: models.Model, fields: list[str]) -> None:
    """Update `fields` of a row of a table without history. Needs an open transaction."""
    _write(Shape(type(instance), tuple(fields), is_insert=False), [instance])


def _insert_of(model: type[models.Model], **how: Any) -> Shape:
    return Shape(model, stored_fields(model), is_insert=True, **how)


def _write(shape: Shape, instances: Sequence[models.Model], **more: Any) -> None:
    block = _current.get()
    changes = block or Changes()
    for instance in instances:
        if not shape.is_insert and instance.pk is None:
            # It is an insert that waits: its key is drawn by the database.
            changes.flush()
        changes.add(_Write(shape, row_of(shape, instance, **more), instance))
        if block and shape.is_insert and not shape.unless_there:
            instance._state.adding = False
    if not block:
        changes.flush()


def _person(instance: models.Model, actor: Any, by_request: bool) -> Any:
    """Return the key of the account that history names, if any."""
    if by_request:
        records: Any = type(instance).history_records  # type: ignore[attr-defined]
        actor = records.get_history_user(instance)
    return actor.pk if actor else None


def _remember(instance: models.Model, fields: tuple[str, ...]) -> None:
    """Keep what `fields` of the row hold now. JSON values are replaced, never changed in place."""
    state: Any = instance._state
    named = named_fields(type(instance), fields)
    values = {item.name: held_by(instance, item) for item in named}
    if len(fields) == len(stored_fields(type(instance))):
        state.written = values
    elif getattr(state, "written", None) is not None:
        state.written.update(values)


def _changed(instance: models.Model) -> tuple[str, ...]:
    """Return the fields that differ from what was last written; all if that is unknown, or none do."""
    stored = stored_fields(type(instance))
    written = getattr(instance._state, "written", None)
    if written is None:
        return stored
    fields = named_fields(type(instance), stored)
    changed = (f.name for f in fields if held_by(instance, f) is not written[f.name])
    return tuple(changed) or stored
