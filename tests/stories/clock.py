"""One clock for a story: the database's and this process's, and only the story moves it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.owner import as_owner

BEGINNING = datetime(2030, 1, 1, 9, tzinfo=UTC)
_FUNCTIONS = ("clock_timestamp", "statement_timestamp", "now")


class Clock:
    """What time it is in a story."""

    def __init__(self) -> None:
        self.now = BEGINNING

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self._tell_database()

    def as_in_rows(self) -> str:
        """Return what time it is as PostgreSQL writes it in JSON."""
        whole, _, rest = self.now.isoformat(timespec="microseconds").partition(".")
        fraction = rest.partition("+")[0].rstrip("0")
        return f"{whole}.{fraction}+00:00" if fraction else f"{whole}+00:00"

    def _tell_database(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('story.now', %s, true)", [self.now.isoformat()])

    @contextmanager
    def rules(self) -> Iterator[None]:
        """Let the database and Django go by this clock. Needs a transaction that is undone."""
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS story_clock")
            for name in _FUNCTIONS:
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION story_clock.{name}() RETURNS timestamptz LANGUAGE sql"
                    " STABLE AS 'SELECT current_setting(''story.now'')::timestamptz'"
                )
            cursor.execute("GRANT USAGE ON SCHEMA story_clock TO PUBLIC")
        self._tell_database()
        with pytest.MonkeyPatch.context() as patch, connection.cursor() as cursor:
            patch.setattr(timezone, "now", lambda: self.now)
            cursor.execute("SET LOCAL search_path = story_clock, public, pg_catalog")
            yield
            if not connection.needs_rollback:
                cursor.execute("SET LOCAL search_path = public")


def offset(seconds: float) -> str:
    """Return a time as an offset from the story's beginning: `+90s`, `+2h 30s`, `+1d`."""
    whole, sign = abs(seconds), "-" if seconds < 0 else "+"
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600)):
        if whole >= length:
            parts.append(f"{int(whole // length)}{unit}")
            whole %= length
    if whole or not parts:
        parts.append(f"{whole:g}s")
    return sign + " ".join(parts)
