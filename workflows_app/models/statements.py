"""The SQL of writing rows with their history, made from the models' own meta data (P4).

All rows of one shape are written by one statement, whatever their number: they come as one JSON
document. A row and its history row are two steps of that statement: neither can be without the other,
and the history row is made of what the table holds after the change. It is the one that
django-simple-history would have written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection, models
from psycopg import sql

from workflows_app.models.copies import defaults_of

#: What each row of the document brings for its history row.
_OWN = ("history_change_reason", "history_user")
#: Stands before the column of an old value.
_WAS = "was_"
#: No value of any field.
_NONE = object()


class Shape(NamedTuple):
    """What a write is, without its values, by names of fields: the same shape gives the same SQL.

    Of an insert, `fields` are those that its rows give; the others have their defaults.
    `was`: an update leaves out a row that has other values there than those given. `unless_there`: an
    insert leaves out a row that is there; if it is by its `identity`, whoever is changing it is not
    waited for.
    """

    model: type[models.Model]
    fields: tuple[str, ...]
    is_insert: bool
    has_history: bool = False
    was: tuple[str, ...] = ()
    unless_there: bool = False
    identity: tuple[str, ...] = ()


@cache
def stored_fields(model: type[models.Model]) -> tuple[str, ...]:
    """Return the fields that an insert gives values for, besides a key that the database draws."""
    fields = model._meta.concrete_fields
    return tuple(item.name for item in fields if not isinstance(item, models.AutoField))


def given_fields(instances: Sequence[models.Model]) -> tuple[str, ...]:
    """Return the fields that an insert of these instances of one model gives; the others hold their defaults."""
    fields = _at_first(type(instances[0]))
    found = [
        name
        for held in map(vars, instances)
        for name, attribute, default in fields
        if held[attribute] is not default
    ]
    return tuple(dict.fromkeys(found))


@cache
def _at_first(model: type[models.Model]) -> list[tuple[str, str, Any]]:
    """Return each stored field, its attribute, and its default, if that is the same for all rows."""
    constants, _ = defaults_of(model)
    fields = named_fields(model, stored_fields(model))
    # What being written sets is always given.
    return [
        (item.name, item.attname, _NONE if _is_dated(item) else constants.get(item.attname, _NONE))
        for item in fields
    ]


@cache
def named_fields(model: type[models.Model], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(model._meta.get_field(name) for name in names)


@cache
def standing_on(model: type[models.Model]) -> int:
    """Return how many tables deep it goes from `model` to what its rows can't be without."""
    keys = (item for item in model._meta.concrete_fields if item.is_relation and not item.null)
    return max((1 + standing_on(item.related_model) for item in keys), default=0)


@cache
def statement_of(shape: Shape) -> str:
    """Return the statement that writes the rows of a document in this way.

    Its parameters are the document, a JSON list with an object for each row, by column; the number of
    rows; and, with history, the date of the history rows. It fails unless it writes all rows, so that
    a COMMIT which follows it in a pipeline commits nothing. It gives their keys, those of an insert in
    the order of the rows, null for one that is left out since it is there.
    """
    key = _key(shape.model)
    if shape.is_insert:
        steps = [f"given AS MATERIALIZED ({_given_keys(shape)})", f"written AS ({_insert(shape)})"]
        of_history = f"written JOIN given USING ({key})"
        # No outer join: PostgreSQL takes few rows to be written, and would look at all of them for each.
        is_written = f"CASE WHEN {key} IN (SELECT {key} FROM written) THEN {key} END"
        keys = f"array_agg({is_written if shape.unless_there else key} ORDER BY ordinality)"
        of_keys = "given" if shape.unless_there else f"given JOIN written USING ({key})"
    else:
        steps = [f"written AS ({_update(shape)})"]
        of_history = of_keys = "written"
        keys = f"array_agg(written.{key})"
    if shape.has_history:
        steps.append(f"kept AS ({_history(shape)} FROM {of_history})")
    return (
        f"WITH {', '.join(steps)} SELECT workflows_app_all_of({keys}, $2::integer) FROM {of_keys}"
    )


def row_of(
    shape: Shape,
    instance: models.Model,
    *,
    reason: str = "",
    person: Any = None,
    was: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the row of a document for `instance` as it is now. `person`: the key of an account."""
    held = instance.__dict__
    columns, set_when_written, accounts = _given_by(shape)
    for item in set_when_written:
        item.pre_save(instance, shape.is_insert)
    row = {
        # What is not in the instance was not read yet.
        column: held[attribute] if attribute in held else getattr(instance, attribute)
        for column, attribute in columns
    }
    if shape.has_history:
        reason_at, person_at = _own(shape)
        row[reason_at.column], row[person_at.column] = reason, person
    for item in accounts:
        if row[item.column] is not None:
            row[item.column] = item.get_prep_value(row[item.column])
    if was:
        row.update((_WAS + item.column, was[item.name]) for item in _was(shape))
    return row


def document_of(rows: list[dict[str, Any]]) -> str:
    """Return the document of the rows that one statement writes."""
    return _as_document(rows)


@cache
def _given_by(shape: Shape) -> tuple[list[tuple[str, str]], list[Any], list[Any]]:
    """Return columns with the attributes that give their values, and the fields that are set by being written.

    And those that hold the key of an account, which is of the project's own kind.
    """
    fields = _written(shape)
    accounts = [item for item in (*fields, *_own(shape)) if item.related_model is get_user_model()]
    dated = [item for item in fields if _is_dated(item)]
    return [(item.column, item.attname) for item in fields], dated, accounts


def _is_dated(item: Any) -> bool:
    """Tell whether the field is set by being written."""
    return any(getattr(item, name, False) for name in ("auto_now", "auto_now_add"))


def numbered(text: str) -> str:
    """Return SQL for psycopg's raw cursor, with `$1` and so on for each `%s`.

    Its other cursors read a text anew each time, if that is long or has many values.
    """
    first, *rest = text.split("%s")
    return first + "".join(f"${number}{piece}" for number, piece in enumerate(rest, start=1))


def _as_json(value: Any) -> str:
    """Return what JSON does not know, as PostgreSQL reads it: instants, and the key of an account."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{value!r} is nothing that a row here holds")


#: What it writes is no graph, which the usual encoder would look for with each value.
_as_document = json.JSONEncoder(default=_as_json, check_circular=False).encode


def _given(shape: Shape) -> str:
    """Return the rows of the document as a table: what they hold, and their `ordinality`."""
    columns = {item.column: item for item in (*_written(shape), *_own(shape))}
    columns |= {_WAS + item.column: item for item in _was(shape)}
    types = (f"{_quoted(name)} {item.cast_db_type(connection)}" for name, item in columns.items())
    return f"ROWS FROM (jsonb_to_recordset($1::jsonb) AS ({', '.join(types)})) WITH ORDINALITY"


def _given_keys(shape: Shape) -> str:
    """Return the step that gives each new row its key, unless it has one."""
    meta: Any = shape.model._meta
    key, *rest = _columns([*_written(shape), *_own(shape)])
    if meta.auto_field is not None:
        table = f"'{_quoted(meta.db_table)}', '{meta.pk.column}'"
        drawn = f"nextval((SELECT pg_get_serial_sequence({table})::regclass))"
        key = f"coalesce({key}, {drawn}) AS {key}"
    columns = ", ".join([key, *rest, "ordinality"])
    return f"SELECT {columns} FROM {_given(shape)} AS given ORDER BY ordinality"


def _insert(shape: Shape) -> str:
    table, fields = _quoted(shape.model._meta.db_table), _written(shape)
    others = [item for item in shape.model._meta.concrete_fields if item not in fields]
    values = ", ".join([_value(item) for item in fields] + [_default(item) for item in others])
    columns = ", ".join(_columns([*fields, *others]))
    write = f"INSERT INTO {table} ({columns}) SELECT {values} FROM given"
    order = ["ordinality"]
    if shape.identity:
        # Row by row: a join might read the table to its end.
        order = _columns(named_fields(shape.model, shape.identity))
        where = " AND ".join(f"stored.{name} = given.{name}" for name in order)
        write += f" WHERE (SELECT true FROM {table} stored WHERE {where}) IS NULL"
    write += f" ORDER BY {', '.join(order)}"
    if shape.unless_there:
        write += " ON CONFLICT DO NOTHING"
    return f"{write} RETURNING *"


def _update(shape: Shape) -> str:
    fields = named_fields(shape.model, shape.fields)
    changes = ", ".join(f"{_quoted(item.column)} = {_value(item)}" for item in fields)
    key = _key(shape.model)
    # The second condition is true of every row. PostgreSQL takes it to be true of few, so it looks up
    # each key in the index; else, it might read the table to its end.
    where = [f"stored.{key} = given.{key}", "given.ordinality BETWEEN 1 AND $2::integer"]
    where += [
        f"stored.{_quoted(name)} IS NOT DISTINCT FROM given.{_quoted(_WAS + name)}"
        for name in (item.column for item in _was(shape))
    ]
    returned = ", ".join(["stored.*", *_columns(_own(shape))])
    return (
        f"UPDATE {_quoted(shape.model._meta.db_table)} stored SET {changes}"
        f" FROM {_given(shape)} AS given WHERE {' AND '.join(where)} RETURNING {returned}"
    )


def _history(shape: Shape) -> str:
    """Return the step that copies what was written into the history table."""
    model: Any = shape.model
    history = model.history.model
    kept = _columns(model.history_records.fields_included(model))
    own = _columns(_own(shape))
    into = ", ".join([*kept, *own, "history_date", "history_type"])
    values = ", ".join([*(f"written.{name}" for name in kept), *own])
    kind = "+" if shape.is_insert else "~"
    return (
        f"INSERT INTO {_quoted(history._meta.db_table)} ({into})"
        f" SELECT {values}, $3::timestamptz, '{kind}'"
    )


def _written(shape: Shape) -> list[Any]:
    """Return the key and the fields that are written, each once."""
    return list(dict.fromkeys([shape.model._meta.pk, *named_fields(shape.model, shape.fields)]))


@cache
def _own(shape: Shape) -> tuple[Any, ...]:
    """Return the fields of the history row that each row gives."""
    model: Any = shape.model
    return named_fields(model.history.model, _OWN) if shape.has_history else ()


def _was(shape: Shape) -> tuple[Any, ...]:
    """Return the fields whose old values a row gives."""
    return named_fields(shape.model, shape.was)


def _value(item: Any) -> str:
    """Return what a row gives for the field. JSON's null has become SQL's on the way."""
    return _or_json_null(item, f"given.{_quoted(item.column)}")


def _or_json_null(item: Any, value: str) -> str:
    is_null_a_value = isinstance(item, models.JSONField) and not item.null
    return f"coalesce({value}, 'null'::jsonb)" if is_null_a_value else value


def _default(item: Any) -> str:
    """Return the default of a field as SQL."""
    value = item.get_db_prep_save(item.get_default(), connection)
    return _or_json_null(item, sql.Literal(value).as_string(connection.connection))


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _key(model: type[models.Model]) -> str:
    column = model._meta.pk.column
    assert column is not None, "every table here has a key of its own"
    return _quoted(column)


def _columns(fields: Iterable[Any]) -> list[str]:
    return [_quoted(item.column) for item in fields]
