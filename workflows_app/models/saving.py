"""The one place that writes rows with history: what a transaction changes, set by set (P4).

Within `collected()` writes wait for the end of the block, or for `flush()`, and go to the server
together: as few statements as their order allows, in one round trip. Whoever reads in such a block
what it has written must flush first. How they become SQL is in `models.statements`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import psycopg
from django.contrib.auth.models import User
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from psycopg.types.json import Jsonb

from workflows_app.models.pipeline import round_trip
from workflows_app.models.reading import Query, Reading, together
from workflows_app.models.statements import Shape, named_fields, statement_of, stored_fields

#: How many writes one statement makes at most: each combination is a statement to be prepared.
_LONGEST = 8


@dataclass
class _Write:
    """Rows of one table that are written in the same way."""

    shape: Shape
    #: Of an update, what the rows get; of an insert, row after row.
    values: list[Any]
    history: list[Any]
    #: The keys of the rows of an update.
    keys: list[Any]
    #: Gets the key that the database gave to it.
    inserted: models.Model | None = None

    def takes_in(self, other: _Write) -> bool:
        """Make `other` part of this update, if it is the same for other rows."""
        if self.shape.is_insert or self.shape != other.shape or self.history != other.history:
            return False
        if self.values != other.values:
            return False
        self.keys += other.keys
        return True

    def parameters(self) -> list[Any]:
        if self.shape.is_insert:
            return [*self.values, *self.history]
        which = self.keys if len(self.keys) > 1 else self.keys[0]
        return [*self.values, which, *self.history]

    def final_shape(self) -> Shape:
        return replace(self.shape, by_list=True) if len(self.keys) > 1 else self.shape

    def wanted(self) -> list[int]:
        """Return how many rows must be written, if that is known."""
        if self.shape.unless_there:
            return []
        return [self.shape.rows if self.shape.is_insert else len(self.keys)]

    def take(self, written: list[Any] | None) -> None:
        """Note which rows were written, as their keys."""
        if self.inserted is not None and written:
            self.inserted.pk = written[0]
            self.inserted._state.adding = False
            self.inserted._state.db = DEFAULT_DB_ALIAS


@dataclass
class _Statement:
    """Writes that PostgreSQL may make in any order: at most one way of writing a table."""

    writes: list[_Write] = field(default_factory=list)
    _ways: dict[type[models.Model], bool] = field(default_factory=dict)
    _updated: set[tuple[type[models.Model], Any]] = field(default_factory=set)

    def takes(self, write: _Write) -> bool:
        """Add `write`, if it may be made together with what is there."""
        model, is_insert = write.shape.model, write.shape.is_insert
        rows = {(model, key) for key in write.keys}
        if self._ways.get(model, is_insert) != is_insert or rows & self._updated:
            return False
        if not (self.writes and self.writes[-1].takes_in(write)):
            if len(self.writes) == _LONGEST:
                return False
            self.writes.append(write)
        self._ways[model] = is_insert
        self._updated |= rows
        return True

    def send(self, database: BaseDatabaseWrapper) -> psycopg.Cursor[Any]:
        cursor = psycopg.RawCursor(database.connection)
        text = statement_of(tuple(write.final_shape() for write in self.writes))
        values = [value for write in self.writes for value in write.parameters()]
        wanted = [number for write in self.writes for number in write.wanted()]
        cursor.execute(text, [*values, *wanted])
        return cursor

    def take(self, cursor: psycopg.Cursor[Any]) -> None:
        row = cursor.fetchone()
        assert row is not None, "it gives a row whatever it writes"
        for write, written in zip(self.writes, row, strict=True):
            write.take(written)


#: A statement, numbered as psycopg's raw cursor wants it, and its values.
Guard = tuple[str, Sequence[Any]]


class Changes:
    """Writes that wait to be sent together. The guards come before all, and may refuse them all."""

    def __init__(self, *guards: Guard) -> None:
        self._guards = guards
        self._waiting: list[_Statement] = []
        self._asked: list[Reading] = []
        self._date: datetime | None = None

    @property
    def date(self) -> datetime:
        """The date of the history rows that go together."""
        if self._date is None:
            self._date = timezone.now()
        return self._date

    def add(self, write: _Write) -> None:
        if self._waiting and self._waiting[-1].takes(write):
            return
        statement = _Statement()
        statement.takes(write)
        self._waiting.append(statement)

    def ask(self, query: Query) -> Reading:
        """Let `query` be read after the last writes of the block, which must follow."""
        reading = Reading(*query)
        self._asked.append(reading)
        return reading

    def finish(self, *, commit: bool) -> None:
        """Send what waits, and what was asked. With `commit` the transaction ends with it."""
        self._send(self._asked, commit=commit)

    def flush(self, *queries: Query) -> list[list[Any]]:
        """Send what waits, in order, and then read, in one round trip. Return the rows of `queries`.

        Needs an open transaction. Raises what the first statement that failed raised, as Django's errors.
        """
        if not self._waiting and not self._guards:
            return together(*queries) if queries else []
        reads = [Reading(query, values) for query, values in queries]
        self._send(reads)
        return [read.rows() for read in reads]

    def _send(self, reads: list[Reading], *, commit: bool = False) -> None:
        waiting, self._waiting, self._date = self._waiting, [], None
        guards, self._guards = self._guards, ()
        if not (waiting or guards):
            return
        database = connections[DEFAULT_DB_ALIAS]
        database.ensure_connection()
        with database.wrap_database_errors:
            with round_trip(database.connection):
                for guard in guards:
                    # Not Django's cursor, which would have it planned each time.
                    psycopg.RawCursor(database.connection).execute(*guard)  # type: ignore[call-overload,unused-ignore]
                cursors = [statement.send(database) for statement in waiting]
                for read in reads:
                    read.send(database)
                if commit:
                    database.connection.execute("COMMIT")
            for statement, cursor in zip(waiting, cursors, strict=True):
                statement.take(cursor)


_current: ContextVar[Changes | None] = ContextVar("changes", default=None)


@contextmanager
def collected(*, commit: bool = False, guards: Sequence[Guard] = ()) -> Iterator[Changes]:
    """Let the writes of the block wait, and send them at its end. Needs an open transaction.

    `commit`: the transaction ends with the block, and its end goes along with the last writes. The
    `guards` go along with the first ones, before them; each fails if nothing may be written.
    """
    changes = Changes(*guards)
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


def ask(query: Query) -> Reading:
    """Let `query` be read in the round trip that ends this block, after its writes. Needs `collected`."""
    changes = _current.get()
    assert changes is not None, "only a block of `collected` has an end to wait for"
    return changes.ask(query)


def storable(text: str) -> str:
    """Return `text` as PostgreSQL can keep it: it knows neither NUL nor half surrogate pairs."""
    return text.replace("\x00", "\\x00").encode(errors="backslashreplace").decode()


def save_with_history(
    instance: models.Model,
    *,
    reason: str,
    actor: User | None = None,
    fields: list[str] | None = None,
    by_request: bool = False,
) -> None:
    """Insert or update `instance` and its history row with `reason` and `actor` (None: the host).

    Needs an open transaction. `fields` limits the update; without it, what has changed since this
    instance was last written here is updated, or all. `by_request`: the person, if any, is the one
    whose web request is being answered. After a rollback, read the instance anew.
    """
    model = type(instance)
    history = _history_values(instance, reason, actor, by_request)
    if instance._state.adding:
        changed = stored_fields(model)
        shape = Shape(model, changed, is_insert=True, has_history=True)
        values = _values(instance, changed, add=True)
        _write(_Write(shape, values, history, [], inserted=instance))
    else:
        if instance.pk is None:
            flush()
        changed = _changed(instance) if fields is None else named_fields(model, tuple(fields))
        shape = Shape(model, changed, is_insert=False, has_history=True)
        values = _values(instance, changed, add=False)
        _write(_Write(shape, values, history, [instance.pk]))
    _remember(instance, changed)


def insert_unless_there(
    instance: models.Model,
    *,
    identity: tuple[str, ...],
    reason: str,
    actor: User | None = None,
    by_request: bool = False,
) -> bool:
    """Insert `instance` with its history now. Return False if its identity is taken; then nothing
    was written. Needs an open transaction.

    `identity`: the fields of a unique constraint. A row that is there is not waited for, whoever is
    changing it; one that another transaction is inserting is.
    """
    flush()
    model = type(instance)
    same = named_fields(model, identity)
    shape = Shape(
        model,
        stored_fields(model),
        is_insert=True,
        unless_there=True,
        identity=same,
        has_history=True,
    )
    values = _values(instance, (*shape.fields, *same), add=True)
    history = _history_values(instance, reason, actor, by_request)
    alone = Changes()
    alone.add(_Write(shape, values, history, [], inserted=instance))
    alone.flush()
    return not instance._state.adding


def insert(instance: models.Model, *, unless_there: bool = False) -> None:
    """Insert a row of a table without history. Needs an open transaction.

    `unless_there`: a row of the same identity may be there; then `instance` has no key.
    """
    model = type(instance)
    shape = Shape(model, stored_fields(model), is_insert=True, unless_there=unless_there)
    values = _values(instance, shape.fields, add=True)
    _write(_Write(shape, values, [], [], inserted=None if unless_there else instance))


def insert_all(instances: Sequence[models.Model]) -> None:
    """Insert rows of one table without history; they get no keys. Needs an open transaction."""
    if not instances:
        return
    model = type(instances[0])
    shape = Shape(model, stored_fields(model), is_insert=True, rows=len(instances))
    values = [value for one in instances for value in _values(one, shape.fields, add=True)]
    _write(_Write(shape, values, [], []))


def update(instance: models.Model, fields: list[str]) -> None:
    """Update `fields` of a row of a table without history. Needs an open transaction."""
    shape = Shape(type(instance), named_fields(type(instance), tuple(fields)), is_insert=False)
    values = _values(instance, shape.fields, add=False)
    _write(_Write(shape, values, [], [instance.pk]))


def _history_values(instance: models.Model, reason: str, actor: Any, by_request: bool) -> list[Any]:
    """Return date, reason and user, in the order of `HISTORY_FIELDS`."""
    if by_request:
        records: Any = type(instance).history_records  # type: ignore[attr-defined]
        actor = records.get_history_user(instance)
    changes = _current.get()
    date = timezone.now() if changes is None else changes.date
    return [date, storable(reason), actor.pk if actor else None]


def _write(write: _Write) -> None:
    changes = _current.get()
    if changes is None:
        alone = Changes()
        alone.add(write)
        alone.flush()
        return
    changes.add(write)
    if write.inserted is not None:
        write.inserted._state.adding = False


def _values(instance: models.Model, fields: Sequence[Any], *, add: bool) -> list[Any]:
    values = []
    for item in fields:
        value = item.pre_save(instance, add)
        if type(value) in _PLAIN and not isinstance(item, models.JSONField):
            values.append(value)
        elif value is None and isinstance(item, models.JSONField) and not item.null:
            values.append(Jsonb(None))
        else:
            values.append(item.get_db_prep_save(value, connection))
    return values


#: What the driver takes as it is, whatever the column.
_PLAIN = frozenset([str, int, bool, type(None)])


def _remember(instance: models.Model, fields: tuple[Any, ...]) -> None:
    """Keep what `fields` of the row hold now. JSON values are replaced, never changed in place."""
    state: Any = instance._state
    values = {item: getattr(instance, item.attname) for item in fields}
    if len(fields) == len(stored_fields(type(instance))):
        state.written = values
    elif getattr(state, "written", None) is not None:
        state.written.update(values)


def _changed(instance: models.Model) -> tuple[Any, ...]:
    """Return the fields that differ from what was last written; all if that is unknown, or none do."""
    stored = stored_fields(type(instance))
    written = getattr(instance._state, "written", None)
    if written is None:
        return stored
    changed = tuple(f for f in stored if getattr(instance, f.attname) is not written[f])
    return changed or stored


__all__ = [
    "Changes",
    "Guard",
    "ask",
    "collected",
    "flush",
    "insert",
    "insert_all",
    "insert_unless_there",
    "save_with_history",
    "storable",
    "update",
]
