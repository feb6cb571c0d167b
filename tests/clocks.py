"""A database whose clock is not that of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from tests.owner import as_owner


@contextmanager
def database_ahead(seconds: float, clock: str = "clock_timestamp") -> Iterator[None]:
    """Let this session's `clock` be so many seconds ahead. Needs a transaction that is undone.

    Django's `Now` reads `statement_timestamp`.
    """
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS another_clock")
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION another_clock.{clock}() RETURNS timestamptz"
            f" LANGUAGE sql AS 'SELECT pg_catalog.{clock}() + {seconds} * interval ''1 s'''"
        )
        cursor.execute("GRANT USAGE ON SCHEMA another_clock TO PUBLIC")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = another_clock, public, pg_catalog")
        try:
            yield
        finally:
            cursor.execute("SET LOCAL search_path = public")
