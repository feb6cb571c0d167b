"""Clocks that are not this machine's: one that stands still until it is moved, and a database's that is ahead."""

from __future__ import annotations

import datetime as real
import hashlib
import itertools
import random
import types
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timesince, timezone

from tests.owner import as_owner
from workflows_app.models.copies import defaults_of

_FUNCTIONS = ("clock_timestamp", "statement_timestamp", "transaction_timestamp", "now")
_SETTING = "tests.now"


@contextmanager
def database_ahead(seconds: float, clock: str = "clock_timestamp") -> Iterator[None]:
    """Let this session's `clock` be so many seconds ahead. Needs a transaction that is undone.

    Django's `Now` reads `statement_timestamp`.
    """
    with _replaced([clock], f"pg_catalog.{clock}() + {seconds} * interval '1 s'"):
        yield


class Clock:
    """What time it is, here and in this session of the database."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, **times: float) -> None:
        """Let time pass, by the arguments of a timedelta. Needs a transaction that is undone."""
        self.at += timedelta(**times)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config(%s, %s, true)", [_SETTING, self.at.isoformat()])


@contextmanager
def standing_still(at: datetime) -> Iterator[Clock]:
    """Let it be `at` until the clock is moved; nothing happens by chance, and keys come in order.

    Needs a transaction that is undone.
    """
    clock = Clock(at)
    chance, keys = random.getstate(), itertools.count(1)
    random.seed(4711)
    with pytest.MonkeyPatch.context() as patch:
        _patch_python(patch, clock)
        # Who made rows before has kept what gives them their time, and would keep this clock.
        defaults_of.cache_clear()
        patch.setattr(uuid, "uuid4", lambda: _key(next(keys)))
        clock.advance()
        try:
            with _replaced(_FUNCTIONS, f"current_setting('{_SETTING}')::timestamptz"):
                yield clock
        finally:
            random.setstate(chance)
            defaults_of.cache_clear()


@contextmanager
def _replaced(functions: Iterable[str], said: str) -> Iterator[None]:
    """Let these functions of the database say that it is `said`, in this session."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS another_clock")
        for name in functions:
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION another_clock.{name}() RETURNS timestamptz LANGUAGE sql"
                f" STABLE AS $$SELECT {said}$$"
            )
        cursor.execute("GRANT USAGE ON SCHEMA another_clock TO PUBLIC")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = another_clock, public, pg_catalog")
        try:
            yield
        finally:
            if not connection.needs_rollback:
                cursor.execute("SET LOCAL search_path = public")


def _patch_python(patch: pytest.MonkeyPatch, clock: Clock) -> None:
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
