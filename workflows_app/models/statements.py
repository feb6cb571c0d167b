"""The SQL of writing rows with their history, made from the models' own meta data (P4).

Several writes become one statement of PostgreSQL, with a part for each. A row and its history row
are two steps of one part: neither can be without the other, and the history row is made of what the
table holds after the change. The rows are those that django-simple-history would have written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection, models

HISTORY_FIELDS = ("history_date", "history_change_reason", "history_user")


@dataclass(frozen=True)
class Shape:
    """What a write is, without its values: the same shape gives the same SQL.

    `rows`: how many an insert has. `identity`: an insert unless a row has the same values of these
    fields. `by_list`: an update of all rows of a list of keys.
    """

    model: type[models.Model]
    fields: tuple[Any, ...]
    is_insert: bool
    rows: int = 1
    unless_there: bool = False
    identity: tuple[Any, ...] = ()
    by_list: bool = False
    has_history: bool = False


@cache
def stored_fields(model: type[models.Model]) -> tuple[Any, ...]:
    """Return the fields that an insert gives values for."""
    return tuple(f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField))


@cache
def named_fields(model: type[models.Model], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(model._meta.get_field(name) for name in names)


@cache
def statement_of(shapes: tuple[Shape, ...]) -> str:
    """Return the statement that makes all these writes.

    Its parameters are those of each write in turn: the values, for an update the key or the list of
    keys, and with history its date, reason and user; then, for each write that is not `unless_there`,
    how many rows it must write: the statement fails otherwise, so that a COMMIT which follows it in a
    pipeline commits nothing. It gives one row: for each write, the keys of the rows that were
    written, or null if there are none.
    """
    steps, results = [], []
    for number, shape in enumerate(shapes):
        written = f"written_{number}"
        steps.append(f"{written} AS ({_write(shape)})")
        if shape.has_history:
            steps.append(f"kept_{number} AS ({_history(shape, written)})")
        keys = f"(SELECT array_agg({_key(shape.model)}) FROM {written})"
        results.append(keys if shape.unless_there else f"workflows_app_all_of({keys}, %s)")
    return numbered(f"WITH {', '.join(steps)} SELECT {', '.join(results)}")


def numbered(text: str) -> str:
    """Return SQL for psycopg's raw cursor, with `$1` and so on for each `%s`.

    Its other cursors read a text anew each time, if that is long or has many values.
    """
    first, *rest = text.split("%s")
    return first + "".join(f"${number}{piece}" for number, piece in enumerate(rest, start=1))


def _write(shape: Shape) -> str:
    table = _quoted(shape.model._meta.db_table)
    key = _key(shape.model)
    if shape.is_insert:
        marks = ", ".join(["%s"] * len(shape.fields))
        write = f"INSERT INTO {table} ({_columns(shape.fields)}) "
        if shape.identity:
            # An insert that meets a row of its identity would wait for whoever is changing that row.
            same = " AND ".join(f"{_quoted(item.column)} = %s" for item in shape.identity)
            write += f"SELECT {marks} WHERE NOT EXISTS (SELECT FROM {table} WHERE {same})"
        else:
            write += "VALUES " + ", ".join([f"({marks})"] * shape.rows)
        if shape.unless_there:
            write += " ON CONFLICT DO NOTHING"
    else:
        changes = ", ".join(f"{_quoted(item.column)} = %s" for item in shape.fields)
        which = "= ANY(%s::bigint[])" if shape.by_list else "= %s"
        write = f"UPDATE {table} SET {changes} WHERE {key} {which}"
    return f"{write} RETURNING {'*' if shape.has_history else key}"


def _history(shape: Shape, written: str) -> str:
    """Return the step that copies what was written into the history table."""
    model: Any = shape.model
    history = model.history.model
    kept = list(model.history_records.fields_included(model))
    own = [history._meta.get_field(name) for name in HISTORY_FIELDS]
    date, why, user = (f"%s::{item.cast_db_type(connection)}" for item in own)
    kind = "+" if shape.is_insert else "~"
    into = ", ".join([_columns(kept), _columns(own), "history_type"])
    return (
        f"INSERT INTO {_quoted(history._meta.db_table)} ({into})"
        f" SELECT {_columns(kept)}, {date}, {why}, {user}, '{kind}' FROM {written}"
    )


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _key(model: type[models.Model]) -> str:
    column = model._meta.pk.column
    assert column is not None, "every table here has a key of its own"
    return _quoted(column)


def _columns(fields: Sequence[Any]) -> str:
    return ", ".join(_quoted(item.column) for item in fields)
