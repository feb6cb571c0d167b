"""A worker's threads see by themselves that the database has hung up, and ask it nothing for that."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connection, connections

from workflows_app.management import sessions
from workflows_app.management.sessions import own_sessions

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    """A thread of a worker whose sessions are looked at before they are used again."""
    database = connections.settings[DEFAULT_DB_ALIAS]
    monkeypatch.setitem(database, "CONN_MAX_AGE", 60)
    monkeypatch.setitem(database, "CONN_HEALTH_CHECKS", True)
    with own_sessions(), ThreadPoolExecutor(max_workers=1) as thread:
        yield thread
        thread.submit(connections.close_all).result()


def _session() -> int:
    """Return the number of the session that a job has, which executes no statement."""
    close_old_connections()
    with connection.cursor() as cursor:
        return int(cursor.connection.info.backend_pid)


def _last_statement(pid: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid])
        return str(cursor.fetchone()[0])


def test_to_see_that_a_session_is_there_costs_no_statement(thread: ThreadPoolExecutor) -> None:
    session = thread.submit(_session).result()
    thread.submit(lambda: connection.cursor().execute("SELECT 42")).result()

    assert thread.submit(_session).result() == session
    assert _last_statement(session) == "SELECT 42"


def test_one_that_was_not_used_for_long_is_asked(
    thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network may have forgotten it."""
    monkeypatch.setattr(sessions, "_TRUSTED_SECONDS", 0.0)
    session = thread.submit(_session).result()
    thread.submit(lambda: connection.cursor().execute("SELECT 42")).result()

    assert thread.submit(_session).result() == session
    assert _last_statement(session) == "SELECT 1"


def test_one_that_the_server_has_ended_is_opened_anew(thread: ThreadPoolExecutor) -> None:
    session = thread.submit(_session).result()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [session])

    assert thread.submit(_session).result() != session
