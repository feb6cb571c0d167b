"""A round trip: what is executed in it leaves when it ends, and every answer is there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg.pq import TransactionStatus

from tests.owner import as_owner
from workflows_app.models.pipeline import round_trip

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


def execute(session: psycopg.Connection[Any], *statements: str) -> None:
    with round_trip(session):
        for statement in statements:
            session.execute(statement)


def test_statements_and_begin_leave_when_the_block_ends(own: psycopg.Connection[Any]) -> None:
    before = seen(own)
    with round_trip(own):
        cursors = [own.execute("SELECT %s::int", [number]) for number in range(20)]
        assert seen(own) == before

    assert own.info.transaction_status == TransactionStatus.INTRANS
    assert [cursor.fetchone() for cursor in cursors] == [(number,) for number in range(20)]


def test_a_commit_may_go_along(own: psycopg.Connection[Any]) -> None:
    execute(own, "SELECT 1", "COMMIT")

    assert own.info.transaction_status == TransactionStatus.IDLE


def test_the_first_statement_that_failed_is_told_and_the_session_goes_on(
    own: psycopg.Connection[Any],
) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        execute(own, "SELECT 1", "SELECT 1 / 0", "SELECT * FROM nowhere", "COMMIT")

    assert own.info.transaction_status == TransactionStatus.INERROR
    own.rollback()
    assert own.execute("SELECT 2").fetchone() == (2,)


def test_after_an_error_in_the_block_the_session_goes_on(own: psycopg.Connection[Any]) -> None:
    def fail() -> None:
        with round_trip(own):
            own.execute("SELECT 1")
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    assert own.execute("SELECT 2").fetchone() == (2,)


def test_what_must_be_known_at_once_is_asked_at_once(own: psycopg.Connection[Any]) -> None:
    with round_trip(own):
        first = own.execute("SELECT 1")
        assert first.fetchone() == (1,)
        second = own.execute("SELECT 2")

    assert second.fetchone() == (2,)


def test_more_than_the_server_takes_before_it_is_listened_to(own: psycopg.Connection[Any]) -> None:
    large = "x" * 3_000_000
    with round_trip(own):
        cursors = [own.execute("SELECT %s::text", [large]) for _ in range(10)]

    assert [cursor.fetchone() == (large,) for cursor in cursors] == [True] * 10


def test_a_session_that_is_gone_is_told(own: psycopg.Connection[Any]) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [own.info.backend_pid])

    with pytest.raises(psycopg.OperationalError):
        execute(own, "SELECT 1", "SELECT 2")
    assert own.closed
