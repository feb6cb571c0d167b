"""What the statements of a block cost when much was done before: rows read, and tables read to the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model

from tests.copies import copy_events
from tests.owner import as_owner
from workflows_app.models import (
    Event,
    EventInput,
    EventWords,
    Evidence,
    Input,
    Mutation,
    Reservation,
    Run,
)
from workflows_app.models.pipeline import Reply, RoundTrip
from workflows_app.models.rows import Tuples

#: The tables that grow with all that was ever done.
GROWING: list[type[Model]] = [
    Input,
    Event,
    EventInput,
    Run,
    Reservation,
    Mutation,
    Evidence,
    *(model.history.model for model in (Event, Run, Mutation)),
]
_TABLES = [model._meta.db_table for model in (*GROWING, EventWords)]
#: All tables of the project, history too.
_OURS = list(apps.get_app_config("workflows_app").get_models(include_auto_created=True))
MANY = 20_000
#: A block may read some rows of a table: those of its event, a page of a list.
FEW = 500
_PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@dataclass(frozen=True)
class Statement:
    """A statement as it was sent, by a cursor that binds its values here or there, or by the host (None)."""

    sql: str
    values: Any
    cursor: type[psycopg.Cursor[Any]] | None

    def scans(self) -> Iterator[str]:
        """Give the growing tables that PostgreSQL would read to the end for these values."""
        explain = f"EXPLAIN (FORMAT JSON) {self.sql}"
        if self.cursor is None:
            found = Tuples(explain, self.values).read()[0][0]
        else:
            cursor = self.cursor(connection.connection)
            cursor.execute(explain, self.values, prepare=False)
            (found,) = cursor.fetchone() or ([],)
        plans = json.loads(found) if isinstance(found, str) else found
        yield from (table for table in _scanned(plans[0]["Plan"]) if table in _TABLES)


@dataclass
class Cost:
    """What a block cost: its statements, and how many rows of each growing table they read."""

    sent: list[Statement] = field(default_factory=list)
    rows_read: dict[str, int] = field(default_factory=dict)

    def too_much(self, few: int = FEW) -> list[str]:
        """Return which tables would be read to the end, by what, and of which more than `few` rows were."""
        found = {f"{table}: {one.sql}" for one in self.sent for table in one.scans()}
        found |= {f"{table}: {n} rows" for table, n in self.rows_read.items() if n > few}
        return sorted(found)


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cost]:
    """Give what the block costs, whoever sends its statements. Needs the transaction of the test."""
    cost = Cost()
    execute, send = psycopg.Cursor.execute, RoundTrip.execute

    def note(query: Any, values: Any, cursor: type[psycopg.Cursor[Any]] | None) -> None:
        if isinstance(query, str) and query.lstrip(" (\n").upper().startswith(_PLANNED):
            cost.sent.append(Statement(query, values, cursor))

    def keep(self: psycopg.Cursor[Any], query: Any, params: Any = None, **options: Any) -> Any:
        note(query, params, type(self))
        return execute(self, query, params, **options)

    def keep_sent(self: RoundTrip, text: str, values: Sequence[Any] = ()) -> Reply:
        note(text, values, None)
        return send(self, text, values)

    before = _rows_read()
    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", keep)
        patch.setattr(RoundTrip, "execute", keep_sent)
        yield cost
    cost.rows_read = {table: number - before[table] for table, number in _rows_read().items()}


def make_tables_anew() -> None:
    """Let the growing tables and their indexes be empty files, until the test is undone.

    Rows that a test left when it was interrupted are gone; and so are the pages that tests which were undone have
    left: new rows among them lie in no order of time, and the summaries of their dates are too wide.
    """
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL workflows_app.may_empty = on")
        cursor.execute(f"TRUNCATE {', '.join(_TABLES)} CASCADE")
        cursor.execute("SET LOCAL workflows_app.may_empty = off")


def fill(events: Sequence[Event], number: int = MANY) -> None:
    """Let there be `number` finished events like these, most of them old, and let PostgreSQL know."""
    copy_events(events, number // len(events), first=1, seconds_apart=2400.0)
    with as_owner(), connection.cursor() as cursor:
        # Of small tables, too: what was known of them is of rows that are gone.
        cursor.execute(f"ANALYZE {', '.join(model._meta.db_table for model in _OURS)}")
        for table in _TABLES:
            # As autovacuum does in time: what is not summarised yet is read.
            cursor.execute(
                "SELECT brin_summarize_new_values(indexname::regclass) FROM pg_indexes"
                " WHERE tablename = %s AND indexdef LIKE '%% USING brin %%'",
                [table],
            )
    short = [model for model in GROWING if model._default_manager.count() < number]
    assert short == []


def _rows_read() -> dict[str, int]:
    """Return how many rows of each growing table were read in this transaction so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
            " WHERE relname = ANY(%s)",
            [_TABLES],
        )
        return dict(cursor.fetchall())


def _scanned(node: dict[str, Any], *, is_limited: bool = False) -> Iterator[str]:
    """Give the tables that are read to the end; the first rows of one, whatever they are, are not."""
    if node["Node Type"] == "Seq Scan" and not (is_limited and "Filter" not in node):
        yield node["Relation Name"]
    for inner in node.get("Plans", []):
        yield from _scanned(inner, is_limited=node["Node Type"] == "Limit")
