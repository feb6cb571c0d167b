"""Makes a stage the same each time: where numbers begin, and a time of its own for each column of each row."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import connection

from tests.owner import as_owner

#: Where the numbers of each table begin, in the order in which things come about: no two rows share a number.
TABLES = {
    "auth_user": 11,
    "workflows_app_workflow": 101,
    "workflows_app_workflowversion": 201,
    "workflows_app_handler": 301,
    "workflows_app_topic": 401,
    "workflows_app_lanestate": 501,
    "workflows_app_input": 1101,
    "workflows_app_event": 2101,
    "workflows_app_run": 3101,
    "workflows_app_reservation": 4101,
    "workflows_app_mutation": 5101,
    "workflows_app_evidence": 6101,
    "workflows_app_breaker": 701,
    "workflows_app_operatoraction": 7101,
    "workflows_app_alert": 801,
    "workflows_app_alertchoice": 851,
    "workflows_app_accountchange": 901,
    "workflows_app_savedfilter": 951,
    "workflows_app_historicalworkflow": 8101,
    "workflows_app_historicalworkflowversion": 8201,
    "workflows_app_historicalbreaker": 8301,
    "workflows_app_historicalevent": 9101,
    "workflows_app_historicalrun": 10101,
    "workflows_app_historicalmutation": 12101,
    "workflows_app_lease": 0,
    "procrastinate_jobs": 15101,
}
_APART = timedelta(seconds=61)


def begin_numbers() -> None:
    """Let the next row of each table have the number where its table begins."""
    with as_owner(), connection.cursor() as cursor:
        for table, number in TABLES.items():
            key = "history_id" if "historical" in table else "id"
            if number:
                sequence = "SELECT setval(pg_get_serial_sequence(%s, %s), %s, false)"
                cursor.execute(sequence, [table, key, number])
        # What the migrations gave their groups, whenever that was.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM workflows_app_accountchange")
        cursor.execute("SET LOCAL session_replication_role = origin")


def go_on_numbering() -> None:
    """Let the next row of each table have the number after the last: what was undone has left gaps."""
    with as_owner(), connection.cursor() as cursor:
        for table, number in TABLES.items():
            if number:
                key = "history_id" if "historical" in table else "id"
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence(%s, %s), max({key}) + 500) FROM {table}",
                    [table, key],
                )


def spread_times() -> None:
    """Give each column of each row a time of its own, near the one it had, in the order of tables and numbers."""
    cells: dict[datetime, list[tuple[str, str, str, Any]]] = defaultdict(list)
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
                " AND data_type = 'timestamp with time zone' ORDER BY ordinal_position",
                [table],
            )
            columns = [name for (name,) in cursor.fetchall() if name not in ("date_joined",)]
            key = _key_of(table)
            for column in columns:
                cursor.execute(
                    f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {key}"
                )
                for pk, at in cursor.fetchall():
                    cells[at].append((table, column, key, pk))
    changes: dict[tuple[str, str, str], list[tuple[Any, datetime]]] = defaultdict(list)
    for at, listed in cells.items():
        for place, (table, column, key, pk) in enumerate(listed):
            changes[table, column, key].append((pk, at + place * _APART))
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for (table, column, key), rows in changes.items():
            cursor.execute(
                f"UPDATE {table} SET {column} = news.at FROM"
                f" unnest(%s::bigint[], %s::timestamptz[]) AS news(pk, at) WHERE {key} = news.pk",
                [[pk for pk, _ in rows], [at for _, at in rows]],
            )
        for statement in _REST:
            cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


def _key_of(table: str) -> str:
    if "historical" in table:
        return "history_id"
    model = next((each for each in apps.get_models() if each._meta.db_table == table), None)
    return model._meta.pk.column if model else "id"


#: What depends on where the code is and how fast the machine is.
_REST = (
    "UPDATE workflows_app_evidence SET duration_ms = id * 3 - 18000",
    "UPDATE workflows_app_evidence SET traceback = 'Traceback of evidence ' || id WHERE traceback <> ''",
    "UPDATE workflows_app_run SET failure_traceback = 'Traceback of run ' || id"
    " WHERE status = 'failed'",
    "UPDATE workflows_app_historicalrun SET failure_traceback = 'Traceback of run ' || id"
    " WHERE failure_traceback <> ''",
    "UPDATE workflows_app_workflowversion SET source_digest = repeat(md5(id::text), 2)",
    "UPDATE workflows_app_historicalworkflowversion SET source_digest = repeat(md5(id::text), 2)",
    "UPDATE workflows_app_operatoraction SET address = '192.0.2.' || (id - 7000),"
    " session = md5(id::text) WHERE id % 2 = 0",
    # No two columns are alike.
    "UPDATE procrastinate_jobs SET attempts = id % 7 + 20, priority = id % 5 + 30,"
    " queueing_lock = 'queueing ' || id,"
    " scheduled_at = '2026-02-01T00:00Z'::timestamptz + (id - 15000) * interval '61 s'",
    "UPDATE workflows_app_breaker SET openings = id - 660",
    "UPDATE workflows_app_event SET revision = id % 7 + 2",
)
