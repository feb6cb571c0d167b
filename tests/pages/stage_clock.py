"""A clock that stands still until the stage moves it: Python's and the database's, and nothing else by chance."""

from __future__ import annotations

import datetime as real
import hashlib
import itertools
import random
import types
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timesince, timezone

from tests.owner import as_owner
from workflows_app.models.copies import defaults_of

BEGIN = datetime(2025, 12, 20, 6, 0, tzinfo=UTC)
_FUNCTIONS = ("clock_timestamp", "statement_timestamp", "transaction_timestamp", "now")


class StageClock:
    """What time it is on the stage."""

    def __init__(self) -> None:
        self.at = BEGIN

    def now(self) -> datetime:
        return self.at

    def advance(self, **times: float) -> None:
        """Let time pass, by the arguments of a timedelta. Needs a transaction that is undone."""
        self.at += timedelta(**times)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('stage.now', %s, true)", [self.at.isoformat()])


@contextmanager
def standing_still() -> Iterator[StageClock]:
    """Let time stand still, here and in this session of the database, and keys come in order."""
    clock = StageClock()
    chance, keys = random.getstate(), itertools.count(1)
    random.seed(4711)
    with pytest.MonkeyPatch.context() as patch:
        _patch_python(patch, clock)
        # Who made rows before has kept what gives them their time, and would keep this clock.
        defaults_of.cache_clear()
        patch.setattr(uuid, "uuid4", lambda: _key(next(keys)))
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS stage_clock")
            for name in _FUNCTIONS:
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION stage_clock.{name}() RETURNS timestamptz LANGUAGE sql"
                    " AS 'SELECT current_setting(''stage.now'')::timestamptz'"
                )
            cursor.execute("GRANT USAGE ON SCHEMA stage_clock TO PUBLIC")
        clock.advance()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path = stage_clock, public, pg_catalog")
        try:
            yield clock
        finally:
            random.setstate(chance)
            defaults_of.cache_clear()


def _patch_python(patch: pytest.MonkeyPatch, clock: StageClock) -> None:
    before = timezone.now
    patch.setattr(timezone, "now", clock.now)
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_fields:
            if field.default is before:
                patch.setattr(field, "default", clock.now)
                patch.setitem(vars(field), "_get_default", clock.now)

    class Meta(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, real.datetime)

    class Standing(real.datetime, metaclass=Meta):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return clock.at.astimezone(tz)

    patch.setattr(timesince, "datetime", types.SimpleNamespace(datetime=Standing, date=real.date))


def _key(number: int) -> uuid.UUID:
    return uuid.UUID(bytes=hashlib.md5(f"key {number}".encode()).digest())
