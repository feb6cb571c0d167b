"""Numbers and moments of rows that are the same in each run: what is kept as a text may show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db import connection, models

from tests.owner import as_owner


class Numbers:
    """Where the numbers of each table begin, by the table's name; all `others` of the project at one, if any."""

    def __init__(self, first: dict[str, int], *, others: int | None = None) -> None:
        self._first = dict(first)
        self._others = others

    def begin(self) -> None:
        """Let the next row of each table have the number where its table begins."""
        self._set(f"{first}" for _, _, _, first in self._sequences)

    def go_on(self, *, apart: int = 0) -> None:
        """Let the next row of each table have the number after the last one there: none was made and undone."""
        self._set(
            f"(SELECT coalesce(max({key}) + 1 + {apart}, {first}) FROM {table})"
            for _, table, key, first in self._sequences
        )

    def _set(self, numbers: Iterable[str]) -> None:
        each = (
            f"setval('{sequence}', {number}, false)"
            for (sequence, *_), number in zip(self._sequences, numbers, strict=True)
        )
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(each)}")

    @cached_property
    def _sequences(self) -> list[tuple[str, str, str, int]]:
        """Return what numbers the rows of each table, the table, its key, and where it begins."""
        first = dict(self._first)
        if self._others is not None:
            for model in project_models():
                first.setdefault(model._meta.db_table, self._others)
        found = []
        with connection.cursor() as cursor:
            for table, number in first.items():
                cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, key_of(table)])
                (sequence,) = cursor.fetchone()
                if sequence:
                    found.append((sequence, table, key_of(table), number))
        return found


@dataclass(frozen=True)
class Moment:
    """A moment that a row tells of."""

    at: datetime
    table: str
    column: str
    row: Any


def moments(tables: Iterable[str]) -> Iterator[Moment]:
    """Yield all moments of these tables, table by table, column by column, in the order of their rows."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
                " AND data_type = 'timestamp with time zone' ORDER BY ordinal_position",
                [table],
            )
            for (column,) in cursor.fetchall():
                key = key_of(table)
                cursor.execute(
                    f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {key}"
                )
                yield from (Moment(at, table, column, row) for row, at in cursor.fetchall())


def rewrite(moved: Iterable[tuple[Moment, datetime]], *statements: str) -> None:
    """Let these moments be others, and the statements hold, as if it had always been so: no trigger is asked."""
    changes: dict[tuple[str, str], list[tuple[Any, datetime]]] = defaultdict(list)
    for moment, at in moved:
        changes[moment.table, moment.column].append((moment.row, at))
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        for (table, column), rows in changes.items():
            cursor.execute(
                f"UPDATE {table} SET {column} = news.at"
                f" FROM unnest(%s::bigint[], %s::timestamptz[]) AS news(pk, at) WHERE {key_of(table)} = news.pk",
                [[pk for pk, _ in rows], [at for _, at in rows]],
            )
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


def project_models() -> list[type[models.Model]]:
    return list(apps.get_app_config("workflows_app").get_models(include_auto_created=True))


def key_of(table: str) -> str:
    """Return the column of the key of a table, be it a model's or not."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table and model._meta.pk is not None:
            return str(model._meta.pk.column)
    return "id"
