"""Queries that Django compiles once: the engine asks the same few again and again.

Compiling a query costs many times what running it does. A `Compiled` query is written with the ORM,
compiled at its first use, and run afterwards as a prepared statement with other values. What does not
vary is part of its text: only so can PostgreSQL see, once and for all, that a partial index will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models import query as django_query
from psycopg import sql

from workflows_app.models.pipeline import Reply, RoundTrip, round_trip

M = TypeVar("M", bound=models.Model)


@models.BigAutoField.register_lookup
class AnyOf(models.Lookup):
    """`pk__any=[...]`: the key is one of a list. The text is the same for each length."""

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        left, values = self.process_lhs(compiler, connection)
        return f"{left} = ANY(%s::bigint[])", [*values, self.rhs]


#: Stands for the n-th value while a query is compiled: a number that no row has.
_MARK = -(2**62)


@dataclass
class _Plan:
    """A compiled query: its SQL, which parameter is which value, and how to read its rows."""

    sql: str
    positions: list[int]
    read: Callable[[Sequence[Any]], Any]
    converters: list[tuple[int, list[Any], Any]]


@dataclass
class Compiled(Generic[M]):
    """A query of numbers: `Compiled(lambda pk: Run.objects.filter(pk=pk))`.

    A value may be a list of numbers, for `__any`, whatever its length. It may be a tuple, for `__in`;
    each length is compiled by itself, and nothing is in an empty one.
    """

    build: Callable[..., models.QuerySet[M]]
    _plans: dict[tuple[int, ...], _Plan] = field(default_factory=dict)

    def all(self, *values: Any) -> list[M]:
        """Return the rows, as the query set would."""
        if () in values:
            return []
        return together((self, values))[0]

    def first(self, *values: Any) -> M | None:
        """Return the first row, if any."""
        rows = self.all(*values)
        return rows[0] if rows else None

    def one(self, *values: Any) -> M:
        """Return the one row. Raises DoesNotExist of the model."""
        rows = self.all(*values)
        if not rows:
            model: Any = self.build(*[_MARK] * len(values)).model
            raise model.DoesNotExist(f"There is no such {model._meta.verbose_name}.")
        return rows[0]

    def plan(self, values: Sequence[Any]) -> _Plan:
        shape = tuple(len(value) if isinstance(value, tuple) else -1 for value in values)
        if shape not in self._plans:
            self._plans[shape] = _compile(self.build, shape)
        return self._plans[shape]


#: A query and its values.
Query = tuple[Compiled[Any], tuple[Any, ...]]


class Reading:
    """A query on its way: sent in a pipeline, its rows taken when that has ended."""

    def __init__(self, query: Compiled[Any], values: tuple[Any, ...]) -> None:
        self._plan = query.plan(values)
        self._values = values
        self._reply: Reply | None = None

    def send(self, trip: RoundTrip) -> None:
        flat = _flat(self._values)
        self._reply = trip.execute(self._plan.sql, [flat[index] for index in self._plan.positions])

    def rows(self) -> list[Any]:
        assert self._reply is not None, "it was not sent"
        return _read(self._plan, self._reply)


def together(*queries: Query) -> list[list[Any]]:
    """Run several queries in one round trip; return the rows of each."""
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    reads = [Reading(query, values) for query, values in queries]
    with database.wrap_database_errors:
        with round_trip(database.connection) as trip:
            for read in reads:
                read.send(trip)
        return [read.rows() for read in reads]


def _flat(values: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat.extend(value if isinstance(value, tuple) else (value,))
    return flat


def _compile(build: Callable[..., models.QuerySet[Any]], shape: tuple[int, ...]) -> _Plan:
    marks: list[Any] = []
    count = 0
    for length in shape:
        if length < 0:
            marks.append(_MARK + count)
            count += 1
        else:
            marks.append(tuple(_MARK + count + offset for offset in range(length)))
            count += length
    query = build(*marks).query
    compiler = query.get_compiler(connection=connection)
    text, params = compiler.as_sql()
    text, found = _with_constants(text, params, count)
    assert set(found) == set(range(count)), "a value is not in the query as such"
    expressions = [item[0] for item in compiler.select]
    converters = [
        (index, convert, expression)
        for index, (convert, expression) in compiler.get_converters(expressions).items()
    ]
    return _Plan(text, found, _reader(compiler), converters)


def _with_constants(text: str, params: Sequence[Any], count: int) -> tuple[str, list[int]]:
    """Return the SQL with what is no mark written out, and which value each place left is for."""
    first, *rest = (piece.replace("%%", "%") for piece in text.split("%s"))
    pieces, found = [first], []
    for value, piece in zip(params, rest, strict=True):
        if _is_mark(value, count):
            found.append(value - _MARK)
            pieces.append(f"${len(found)}")
        else:
            pieces.append(sql.Literal(value).as_string(connection.connection))
        pieces.append(piece)
    return "".join(pieces), found


def _is_mark(value: Any, count: int) -> bool:
    return isinstance(value, int) and _MARK <= value < _MARK + count


def _reader(compiler: Any) -> Callable[[Sequence[Any]], Any]:
    """Return what makes an instance, with its related ones, of a row."""
    select, info = compiler.select, compiler.klass_info
    model, chosen = info["model"], info["select_fields"]
    start, end = chosen[0], chosen[-1] + 1
    names = [item[0].target.attname for item in select[start:end]]
    populators = _populators(info, select, connection.alias)
    annotations = list(compiler.annotation_col_map.items())

    def read(row: Sequence[Any]) -> Any:
        instance = model.from_db(connection.alias, names, row[start:end])
        for populator in populators:
            populator.populate(row, instance)
        for name, index in annotations:
            setattr(instance, name, row[index])
        return instance

    return read


def _populators(*arguments: Any) -> list[Any]:
    """Return what fills related instances; Django 6.1 also asks how they fetch what is missing."""
    made: Any = django_query.get_related_populators
    if "fetch_mode" in signature(made).parameters:
        return list(made(*arguments, models.FETCH_ONE))
    return list(made(*arguments))


def _read(plan: _Plan, reply: Reply) -> list[Any]:
    rows = reply.rows()
    if not plan.converters:
        return [plan.read(row) for row in rows]
    converted = []
    for row in rows:
        values = list(row)
        for index, converters, expression in plan.converters:
            for convert in converters:
                values[index] = convert(values[index], expression, connection)
        converted.append(plan.read(values))
    return converted
