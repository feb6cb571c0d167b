"""Numbers, keys and moments that are the same in each run: what is kept as a text may show them."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, models

from tests.owner import as_owner

#: Where the numbers of each table begin: no number of one is that of another.
_FIRST = {
    "user": 901,
    "workflow": 11,
    "handler": 21,
    "topic": 41,
    "workflowversion": 61,
    "breaker": 81,
    "input": 1001,
    "event": 2001,
    "reservation": 3001,
    "run": 4001,
    "mutation": 5001,
    "evidence": 6001,
    "operatoraction": 7001,
    "lanestate": 8001,
    "alert": 9001,
}
#: Between any two moments.
_APART = "7 minutes 11 seconds"


def number_rows() -> None:
    """Let the numbers of new rows begin anew, for the rest of the transaction."""
    with as_owner(), connection.cursor() as cursor:
        for sequence, first, _, _ in _sequences():
            cursor.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {first}")


def go_on_numbering() -> None:
    """Let the next row of each table have the number after the last one there: none was made and undone.

    After `number_rows`, in its transaction.
    """
    each = ", ".join(
        f"setval('{sequence}', coalesce((SELECT max({key}) + 1 FROM {table}), {first}), false)"
        for sequence, first, table, key in _sequences()
    )
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {each}")


@cache
def _sequences() -> list[tuple[str, int, str, str]]:
    """Return what numbers the rows of each table, from where, the table and its key."""
    found = []
    with connection.cursor() as cursor:
        for model in [*_models(), User]:
            table, first = model._meta.db_table, _FIRST.get(str(model._meta.model_name), 90_001)
            key = str(model._meta.pk and model._meta.pk.column)
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, key])
            (sequence,) = cursor.fetchone()
            if sequence:
                found.append((sequence, first, table, key))
    return found


def fix(*, before: datetime) -> None:
    """Give all moments in the ledger others in the same order, and keys that tell whose they are.

    The last one is `before`.
    """
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        _fix_moments(cursor, before)
        cursor.execute(
            "CREATE TEMPORARY TABLE keys ON COMMIT DROP AS SELECT idempotency_key AS was, min(id) AS run"
            " FROM workflows_app_run WHERE idempotency_key <> '' GROUP BY 1"
        )
        for table in ("run", "historicalrun", "mutation", "historicalmutation"):
            cursor.execute(
                f"UPDATE workflows_app_{table} t SET idempotency_key = concat('key-', keys.run) FROM keys"
                " WHERE t.idempotency_key = keys.was"
            )
        cursor.execute("SET LOCAL session_replication_role = origin")


def _fix_moments(cursor: Any, before: datetime) -> None:
    fields = [
        (model._meta.db_table, str(model._meta.pk.column), field.column)
        for model in _models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.DateTimeField) and model._meta.pk is not None
    ]
    each = " UNION ALL ".join(
        f"SELECT '{table}' AS of_table, '{column}' AS of_column, {key}::text AS of_row, {column} AS at"
        f" FROM {table} WHERE {column} IS NOT NULL"
        for table, key, column in fields
    )
    cursor.execute(
        "CREATE TEMPORARY TABLE moments ON COMMIT DROP AS SELECT of_table, of_column, of_row,"
        f" %s - (row_number() OVER (ORDER BY at DESC, of_table, of_row, of_column)) * interval '{_APART}' AS at"
        f" FROM ({each}) each",
        [before],
    )
    for table, key, column in fields:
        cursor.execute(
            f"UPDATE {table} t SET {column} = m.at FROM moments m WHERE m.of_table = %s"
            f" AND m.of_column = %s AND m.of_row = t.{key}::text",
            [table, column],
        )


def _models() -> list[type[models.Model]]:
    return list(apps.get_app_config("workflows_app").get_models(include_auto_created=True))
