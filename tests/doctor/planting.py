"""Planting violations that the database, or the models, would refuse, and asking the doctor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from tests.owner import as_owner
from tests.sound import OF_ROWS
from workflows_app.doctor import CHECKS, Check, Severity, examine
from workflows_app.models.clocks import database_now

#: Keys of rows, by the words in which a case speaks of them.
Rows = dict[str, int]


@dataclass(frozen=True)
class Planted:
    """A violation: the rows it needs, how it is planted, and what the doctor says of it."""

    check: str
    #: The fixture that makes the rows.
    rows: str
    sql: str
    #: Lines as `manage.py doctor` writes them, with keys of rows in braces.
    finds: list[str]
    #: Constraints and indexes that would refuse it.
    without: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.check


def read(paragraph: str) -> Planted:
    """Return the violation that is told in a paragraph of `planted/*.txt`.

    Its first line is `D103 pending`, or `D103 pending without NAME NAME`; then comes the SQL, then each line
    that is found, behind `> `.
    """
    first, *lines = paragraph.strip().split("\n")
    check, rows, *without = first.replace(" without ", " ").split(" ")
    finds = [line.removeprefix("> ") for line in lines if line.startswith("> ")]
    sql = "\n".join(line for line in lines if not line.startswith(("> ", "# ")))
    return Planted(check, rows, sql, finds, tuple(without))


PLANTED = [
    read(paragraph)
    for text in sorted((Path(__file__).parent / "planted").glob("*.txt"))
    for paragraph in text.read_text().split("\n\n")[1:]
]


def found_by(check_id: str, *, now: datetime | None = None) -> list[str]:
    """Return what the check finds, as lines."""
    (check,) = [check for check in CHECKS if check.id == check_id]
    return lines(examine([check], clock=lambda: now or database_now()))


def assert_sound(now: datetime, *warnings: str, checks: Sequence[Check] = OF_ROWS) -> None:
    """Assert that no check finds anything, but for these warnings."""
    found = list(examine(checks, clock=lambda: now))
    assert lines(f for f in found if f.check.severity is Severity.VIOLATION) == []
    assert [f"{f.check.id} {line}" for f, line in zip(found, lines(found), strict=True)] == list(
        warnings
    )


def lines(findings: Iterable[Any]) -> list[str]:
    return [
        f"{finding.workflow}: {finding.found.subject} {finding.found.id} {finding.found.detail}"
        for finding in findings
    ]


def assert_finds(case: Planted, rows: Rows) -> None:
    """Plant the violation of `case`, and assert that its check finds just that."""
    assert found_by(case.check) == []
    plant(case.sql, rows, without=case.without)
    assert found_by(case.check) == [line.format(**rows) for line in case.finds]


def found_after(sql: str, check_id: str) -> list[str]:
    """Return what the check finds once `sql` has run, which is undone."""
    with transaction.atomic():
        plant(sql)
        found = found_by(check_id)
        transaction.set_rollback(True)
    return found


def plant(sql: str, rows: Rows | None = None, *, without: Iterable[str] = ()) -> None:
    """Run `sql` past triggers, and past the constraints `without`."""
    with as_owner(), connection.cursor() as cursor:
        # What is deferred would stand in the way of changing the tables.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in without:
            drop(name)
        tables = sorted(set(re.findall(r"workflows_app_\w+", sql)))
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in sql.split(";"):
            if statement.strip():
                cursor.execute(statement, rows or {})
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def drop(name: str) -> None:
    """Drop the constraint or the index of this name, for the rest of the test."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE conname = %s", [name]
        )
        found = cursor.fetchone()
        if found:
            cursor.execute(f'ALTER TABLE {found[0]} DROP CONSTRAINT "{name}"')
        else:
            cursor.execute(f'DROP INDEX "{name}"')
