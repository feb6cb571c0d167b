"""A round trip: what is executed in it leaves when it ends, and every answer is there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg.pq import TransactionStatus

from tests.owner import as_owner
from workflows_app.models.pipeline import Reply, round_trip

INSTANT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def own() -> Iterator[psycopg.Connection[Any]]:
    """A session that begins a transaction with its next statement, as Django's in `atomic`."""
    params = connection.get_connection_params()
    with psycopg.connect(**{**params, "cursor_factory": psycopg.Cursor}) as opened:
        yield opened


def seen(session: psycopg.Connection[Any]) -> Any:
    """Return what the server knows of the session: its state and its last statement."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, query FROM pg_stat_activity WHERE pid = %s", [session.info.backend_pid]
        )
        return cursor.fetchone()


def execute(session: psycopg.Connection[Any], *statements: str) -> list[Reply]:
    with round_trip(session) as trip:
        return [trip.execute(statement) for statement in statements]


def test_statements_and_begin_leave_when_the_block_ends(own: psycopg.Connection[Any]) -> None:
    before = seen(own)
    with round_trip(own) as trip:
        replies = [trip.execute("SELECT $1::int", [number]) for number in range(20)]
        assert seen(own) == before

    assert own.info.transaction_status == TransactionStatus.INTRANS
    assert [reply.rows() for reply in replies] == [[(number,)] for number in range(20)]


def test_a_commit_may_go_along(own: psycopg.Connection[Any]) -> None:
    execute(own, "SELECT 1", "COMMIT")

    assert own.info.transaction_status == TransactionStatus.IDLE


def test_the_first_statement_that_failed_is_told_and_the_session_goes_on(
    own: psycopg.Connection[Any],
) -> None:
    execute(own, "SELECT 0", "COMMIT")
    with pytest.raises(psycopg.errors.DivisionByZero):
        execute(own, "SELECT 1", "SELECT 1 / 0", "SELECT 3", "COMMIT")

    assert own.info.transaction_status == TransactionStatus.INERROR
    own.rollback()
    # What came before the failure is prepared, and what came after it is not.
    assert [reply.rows() for reply in execute(own, "SELECT 1", "SELECT 3")] == [[(1,)], [(3,)]]


def test_after_an_error_in_the_block_nothing_was_sent(own: psycopg.Connection[Any]) -> None:
    def fail() -> None:
        with round_trip(own) as trip:
            trip.execute("SELECT 1")
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    assert own.info.transaction_status == TransactionStatus.IDLE
    assert own.execute("SELECT 2").fetchone() == (2,)


def test_more_than_the_server_takes_before_it_is_listened_to(own: psycopg.Connection[Any]) -> None:
    large = "x" * 3_000_000
    with round_trip(own) as trip:
        replies = [trip.execute("SELECT $1::text", [large]) for _ in range(10)]

    assert [reply.rows() == [(large,)] for reply in replies] == [True] * 10


def test_a_session_that_is_gone_is_told(own: psycopg.Connection[Any]) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [own.info.backend_pid])

    with pytest.raises(psycopg.OperationalError):
        execute(own, "SELECT 1", "SELECT 2")
    assert own.closed


@pytest.mark.parametrize(
    ("value", "type_", "read"),
    [
        (None, "text", None),
        (True, "boolean", True),
        (2**62, "bigint", 2**62),
        ('"\\é', "text", '"\\é'),
        (['"a"\\', None, "", "NULL", "{,}"], "text[]", ['"a"\\', None, "", "NULL", "{,}"]),
        (["a\\b", 'a"b'], "text[]", ["a\\b", 'a"b']),
        ([1, None], "bigint[]", [1, None]),
        ([], "int[]", []),
        (INSTANT, "timestamptz", INSTANT),
        ([INSTANT], "timestamptz[]", [INSTANT]),
    ],
)
def test_a_value_comes_back_as_it_was(
    own: psycopg.Connection[Any], value: Any, type_: str, read: Any
) -> None:
    with round_trip(own) as trip:
        reply = trip.execute(f"SELECT $1::{type_}", [value])

    assert reply.rows() == [(read,)]


def test_a_nul_in_a_text_is_refused_and_not_cut_off(own: psycopg.Connection[Any]) -> None:
    with round_trip(own) as trip:
        for value in ("a\x00b", ["a\x00b"]):
            with pytest.raises(psycopg.DataError):
                trip.execute("SELECT $1::text", [value])


def test_a_session_keeps_what_it_prepared_up_to_a_number(own: psycopg.Connection[Any]) -> None:
    for first in range(0, 1000, 100):
        execute(own, *(f"SELECT {number}" for number in range(first, first + 100)))
    execute(own, "SELECT 999", "SELECT 0")

    (reply,) = execute(own, "SELECT count(*) FROM pg_prepared_statements")
    assert 300 <= reply.rows()[0][0] <= 310


def test_what_somebody_threw_away_is_prepared_anew(own: psycopg.Connection[Any]) -> None:
    execute(own, "SELECT 1")
    own.execute("DEALLOCATE ALL")
    own.commit()

    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        execute(own, "SELECT 1")
    own.rollback()
    (reply,) = execute(own, "SELECT 1")
    assert reply.rows() == [(1,)]


def test_nothing_is_prepared_behind_a_pooler(own: psycopg.Connection[Any]) -> None:
    own.prepare_threshold = None
    execute(own, "SELECT 1", "SELECT 1")

    (reply,) = execute(own, "SELECT count(*) FROM pg_prepared_statements")
    assert reply.rows() == [(0,)]
