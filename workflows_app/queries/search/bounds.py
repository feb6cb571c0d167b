"""The newest rows that an index of words has, in bounded time, however many there are.

PostgreSQL can't know how often a word stands in a table, and would sometimes walk through all of it. So it is
told how to go: through the index of words, as far as `_COUNTED` rows. Where there are more, the word is a common
one, and the newest rows are sure to hold it: then it looks at the last `_WALKED` rows alone.
"""

# ruff: noqa: S608 - what is put into the statements is Django's own, or stands in this module
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.lookups import IsNull

_COUNTED = 5_000
_WALKED = 20_000
#: A statement that takes longer is stopped all the same.
_LIMITS = {"statement_timeout": "2s", "work_mem": "16MB", "jit": "off"}
_THROUGH_WORDS = {"enable_seqscan": "off", "enable_indexscan": "off", "enable_bitmapscan": "on"}
_THROUGH_ROWS = {"enable_seqscan": "off", "enable_indexscan": "on", "enable_bitmapscan": "on"}
_THROUGH_KEYS = {"enable_seqscan": "off", "enable_indexscan": "on", "enable_bitmapscan": "off"}


@contextmanager
def bounded() -> Iterator[None]:
    """Let each statement of the block go through indexes of words, and take a short time. A transaction."""
    names = [*_LIMITS, *_THROUGH_WORDS]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(name) FROM unnest(%s::text[]) name", [names])
        before = {name: value for name, (value,) in zip(names, cursor.fetchall(), strict=True)}
        _set(cursor, _LIMITS | _THROUGH_WORDS)
        yield
        _set(cursor, before)


def newest(rows: QuerySet[Any], limit: int) -> list[int]:
    """Return the keys of the newest of `rows`, which an index of words finds. Needs `bounded`."""
    key = connection.ops.quote_name(rows.model._meta.pk.column)
    some, values = rows.order_by().values("pk")[: _COUNTED + 1].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), (array_agg(pk ORDER BY pk DESC))[1:{limit}] FROM ({some}) counted(pk)",
            values,
        )
        number, found = cursor.fetchone()
        if number <= _COUNTED:
            return list(found or [])
        _set(cursor, _THROUGH_KEYS)
        cursor.execute(
            f"SELECT max({key}) FROM {connection.ops.quote_name(rows.model._meta.db_table)}"
        )
        (last,) = cursor.fetchone()
        recent = rows.filter(pk__gt=last - _WALKED).order_by("-pk").values_list("pk", flat=True)
        keys = list(recent[:limit])
        _set(cursor, _THROUGH_WORDS)
    known = set(keys)
    return keys + [pk for pk in found if pk not in known][: limit - len(keys)]


def among(words: QuerySet[Any]) -> Q:
    """Return what makes a row be among `words`. What is too much to be listed is asked of one row after the other.

    PostgreSQL would read all that has the words for each statement that goes through the rows by their keys.
    """
    keys = list(words.order_by().values_list("pk", flat=True)[: _COUNTED + 1])
    if len(keys) <= _COUNTED:
        return Q(pk__in=keys)
    return Q(IsNull(Subquery(words.filter(pk=OuterRef("pk")).order_by().values("pk")[:1]), False))


def newest_of(rows: QuerySet[Any], words: QuerySet[Any], limit: int) -> list[int]:
    """Return the keys of the newest of `rows`, which filters leave, that are among `words`. Needs `bounded`.

    Words that stand in too many rows are not read: what the filters leave is asked, one row after the other, the
    newest first. PostgreSQL would join the two the other way round.
    """
    keys = list(words.order_by().values_list("pk", flat=True)[: _COUNTED + 1])
    with connection.cursor() as cursor:
        _set(cursor, _THROUGH_ROWS)
        if len(keys) <= _COUNTED:
            found = rows.filter(pk__in=keys).order_by("-pk")
            newest_first = list(found.values_list("pk", flat=True)[:limit])
        else:
            left, of_left = rows.order_by("-pk").values("pk").query.sql_with_params()
            its_words = words.filter(pk=RawSQL("left_over.pk", ())).values("pk")
            has, of_has = its_words.query.sql_with_params()
            cursor.execute(
                f"SELECT pk FROM ({left} OFFSET 0) left_over(pk) WHERE ({has}) IS NOT NULL"
                f" ORDER BY pk DESC LIMIT {limit}",
                (*of_left, *of_has),
            )
            newest_first = [pk for (pk,) in cursor.fetchall()]
        _set(cursor, _THROUGH_WORDS)
    return newest_first


def _set(cursor: Any, values: dict[str, str]) -> None:
    calls = ", ".join("set_config(%s, %s, true)" for _ in values)
    cursor.execute(f"SELECT {calls}", [each for pair in values.items() for each in pair])
