"""run_worker: a real process that works until idle, or until told to stop; then it hands back (P1, P2)."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connection, connections
from procrastinate import App
from procrastinate.contrib.django import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Notification
from psycopg.waiting import Wait

from tests.commands.console import run
from tests.crash.outside import Outside
from tests.crash.payments import ADDRESS_VARIABLE, SLUGS_VARIABLE, payments
from tests.eventually import eventually
from tests.jobs import empty_queue, jobs
from tests.secret_key import SECRET_KEY
from workflows_app.demo.database import environment_for
from workflows_app.job_manager import ListeningConnector, TellingJobManager
from workflows_app.management.commands.run_worker import (
    Command,
    PatientConnection,
    still_there,
    told_once,
)
from workflows_app.management.sessions import own_sessions
from workflows_app.models import Event, Lease, Mutation, Run
from workflows_app.publishing import publish
from workflows_app.testing import drain, registered

SLUG = "mute-pay"
#: It looks into the queue often.
POLICY = {"poll_seconds": 0.1}

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def outside() -> Iterator[Outside]:
    server = Outside()
    yield server
    server.close()


@pytest.fixture
def start(transactional_db: None, outside: Outside) -> Iterator[Start]:
    """`start(*arguments)`: a worker process for a workflow with two pending invoices."""
    empty_queue()
    with ExitStack() as stack:
        stack.callback(empty_queue)
        stack.enter_context(registered(payments(SLUG)))
        for invoice in ("42", "43"):
            publish(
                workflow=SLUG,
                topic="invoice.received",
                message_id=invoice,
                payload={"account": SLUG},
            )

        def worker(*arguments: str, **policy: float) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "run_worker", *arguments],
                cwd=settings.BASE_DIR,
                env={
                    **os.environ,
                    **environment_for(connection.settings_dict["NAME"]),
                    "DJANGO_SETTINGS_MODULE": "tests.crash.settings",
                    "SECRET_KEY": SECRET_KEY,
                    "DEBUG": "0",
                    "WORKFLOWS": json.dumps(POLICY | policy),
                    ADDRESS_VARIABLE: outside.address,
                    SLUGS_VARIABLE: SLUG,
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield worker


def events() -> list[tuple[str, str]]:
    received = Event.objects.filter(topic__name="invoice.received").order_by("pk")
    return list(received.values_list("message_id", "status"))


def test_until_idle_it_does_all_there_is_and_ends(start: Start, outside: Outside) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - interval '1 minute'), (now() - interval '1 hour')"
        )
        worker = start("--until-idle", "--concurrency", "2", stalled_after_seconds=1200)

        out, _ = worker.communicate(timeout=60)

        cursor.execute("SELECT count(*) FROM procrastinate_workers")
        assert cursor.fetchone() == (1,), "only who was not seen for so long is given up"
    assert (worker.returncode, out) == (0, b"")
    assert events() == [("42", "consumed"), ("43", "consumed")]
    assert [effect.invoice for effect in outside.effects] == ["42", "43"]
    assert jobs() == []
    assert Lease.objects.get().holder == ""


def test_the_rest_of_a_backlog_is_taken_up_without_a_poll(start: Start) -> None:
    for number in range(100, 110):
        publish(
            workflow=SLUG,
            topic="invoice.received",
            message_id=str(number),
            payload={"account": SLUG},
        )

    start(poll_seconds=600)

    eventually(lambda: {status for _, status in events()}, {"consumed"})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_the_call_and_hands_the_rest_back(
    start: Start, outside: Outside, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.hold(f"{SLUG}/after")
    worker = start(slice_seconds=0.1)
    outside.wait_for(f"{SLUG}/after")
    assert Mutation.objects.get().status == "in_flight"

    worker.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        # As long as `stop_seconds`, however short its slices are.
        worker.wait(1)
    outside.release(f"{SLUG}/after")
    out, _ = worker.communicate(timeout=60)

    assert (worker.returncode, out) == (0, b"")
    assert [effect.invoice for effect in outside.effects] == ["42"]
    run = Run.objects.get()
    assert (run.status, run.phase, run.mutation.status) == ("committed", "committed", "applied")
    assert events() == [("42", "consumed"), ("43", "pending")]
    lease = Lease.objects.get()
    assert (lease.holder, lease.expires_at) == ("", None)
    assert lease.next_due_at is not None
    assert [job for job in jobs() if "advance" in job] == [
        f"workflows_app.advance workflow:{lease.pk} todo"
    ]

    monkeypatch.setenv(ADDRESS_VARIABLE, outside.address)
    drain(SLUG)
    assert [effect.invoice for effect in outside.effects] == ["42", "43"]


def test_a_worker_most_of_whose_threads_hang_hands_back_and_ends_to_be_started_anew(
    start: Start, outside: Outside
) -> None:
    outside.hold(f"{SLUG}/prepare")
    limits = {"handler_timeout_seconds": 0.3, "backoff_initial_seconds": 0.01, "stop_seconds": 1}
    worker = start("--concurrency", "1", **limits)

    assert worker.wait(60) == 1
    assert worker.stderr is not None
    told = [line for line in worker.stderr.read().decode().splitlines() if "worker." in line]
    assert [line.partition("workflows_app ")[2] for line in told] == [
        "worker.gives_up hung=3: handlers or calls that took too long still keep their threads;"
        " it ends, to be started anew"
    ]
    assert events() == [("42", "pending"), ("43", "pending")]
    outside.release(f"{SLUG}/prepare")


@pytest.mark.parametrize(
    ("concurrency", "told"),
    [
        ("0", "--concurrency must be between 1 and 10,000.\n"),
        ("-3", "--concurrency must be between 1 and 10,000.\n"),
        ("99999999999", "--concurrency must be between 1 and 10,000.\n"),
        ("many", "invalid int value: 'many'\n"),
    ],
)
def test_a_concurrency_that_is_none_is_wrong_usage(concurrency: str, told: str) -> None:
    ran = run("run_worker", "--concurrency", concurrency)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith(told)


def test_without_a_word_a_worker_waits_for_work_and_makes_64_calls_at_once() -> None:
    parser = Command().create_parser("manage.py", "run_worker")
    asked = parser.parse_args([])
    assert (asked.concurrency, asked.until_idle) == (64, False)


def test_a_job_whose_end_could_not_be_written_is_told_in_one_line_however_late(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def end() -> None:
        raise ConnectorException from ValueError("no session came free")

    async def leave() -> None:
        left: list[Any] = [asyncio.ensure_future(end())]
        # Nobody asks for its error, and only the collector finds it.
        left.append(left)
        await asyncio.sleep(0)

    gc.disable()
    try:
        with told_once():
            asyncio.run(leave())
    finally:
        gc.enable()
    gc.collect()

    told = [(each.levelname, each.message) for each in caplog.records if each.name == "asyncio"]
    assert told == [("WARNING", "job.not_ended error=no session came free")]


def test_the_queue_sees_without_a_statement_that_the_server_has_ended_a_session(
    transactional_db: None,
) -> None:
    async def check_before_and_after_it_is_ended() -> None:
        own = await psycopg.AsyncConnection.connect(**connector_params(DEFAULT_DB_ALIAS))
        async with own:
            await still_there(own)
            _ask("SELECT pg_terminate_backend(%s, 5000)", own.info.backend_pid)
            with pytest.raises(psycopg.OperationalError, match=r"terminat|closed"):
                await still_there(own)
            assert own.closed

    asyncio.run(check_before_and_after_it_is_ended())


def test_to_see_that_a_session_is_there_costs_no_statement(transactional_db: None) -> None:
    async def check_often() -> None:
        own = await psycopg.AsyncConnection.connect(
            **connector_params(DEFAULT_DB_ALIAS), autocommit=True
        )
        async with own:
            last = "SELECT query_start FROM pg_stat_activity WHERE pid = %s"
            before = _ask(last, own.info.backend_pid)
            for _ in range(3):
                await still_there(own)
            assert _ask(last, own.info.backend_pid) == before
            assert await (await own.execute("SELECT 1")).fetchone() == (1,)

    asyncio.run(check_often())


def test_the_queue_sleeps_until_the_server_says_something(transactional_db: None) -> None:
    looks: list[Any] = []

    def look() -> Iterator[Wait]:
        while True:
            looks.append((yield Wait.R))

    async def wait_a_while() -> None:
        own = await PatientConnection.connect(**connector_params(DEFAULT_DB_ALIAS))
        async with own:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(own.wait(look()), timeout=0.5)

    asyncio.run(wait_a_while())
    assert looks == []


def test_a_worker_looks_for_jobs_each_time_that_it_begins_to_listen(transactional_db: None) -> None:
    told: list[Any] = []

    async def hear(*, channel: str, notification: Notification) -> None:
        told.append(notification["type"])

    async def listen_until_told_twice() -> None:
        connector = ListeningConnector(kwargs=connector_params(DEFAULT_DB_ALIAS))
        async with App(connector=connector).open_async():
            manager = TellingJobManager(connector)
            listening = asyncio.create_task(
                manager.listen_for_jobs(on_notification=hear, queues=["workflows"])
            )
            for times in (1, 2):
                await _until(told, times)
                _ask(_END_LISTENERS, 5000)
            listening.cancel()

    asyncio.run(listen_until_told_twice())


_END_LISTENERS = """
    SELECT count(pg_terminate_backend(pid, %s)) FROM pg_stat_activity
     WHERE datname = current_database() AND query LIKE 'LISTEN%%'
"""


async def _until(told: list[Any], times: int) -> None:
    async with asyncio.timeout(30):
        while len(told) < times:
            await asyncio.sleep(0.01)


def _ask(statement: str, pid: int) -> object:
    # Django refuses to ask the database in the thread of an event loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_ask_here, statement, pid).result()


def _ask_here(statement: str, pid: int) -> object:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, [pid])
            return cursor.fetchone()
    finally:
        connection.close()


def _keeps_its_session() -> bool:
    """Tell whether a thread has the same session for one job and the next."""

    def session_of_a_job() -> int:
        close_old_connections()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                return int(cursor.fetchone()[0])
        finally:
            close_old_connections()

    def two_jobs() -> bool:
        try:
            return session_of_a_job() == session_of_a_job()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(two_jobs).result()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("seconds", "kept"), [(0, 60), (7, 7), (None, None)])
def test_a_worker_keeps_its_sessions_from_job_to_job(
    monkeypatch: pytest.MonkeyPatch, seconds: int | None, kept: int | None
) -> None:
    database = connections.settings[DEFAULT_DB_ALIAS]
    monkeypatch.setitem(database, "CONN_MAX_AGE", seconds)
    before = dict(database)
    keeps_before = _keeps_its_session()

    with own_sessions():
        assert database["CONN_MAX_AGE"] == kept
        assert _keeps_its_session()
    assert database == before
    assert keeps_before == (seconds != 0)


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_without_a_pool_that_the_web_has() -> None:
    connection.close()
    database = connections.settings[DEFAULT_DB_ALIAS]
    # Undone before the tables are emptied: that would open the pool.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(database, "CONN_MAX_AGE", 0)
        patch.setitem(database, "OPTIONS", {**database["OPTIONS"], "pool": True})
        before = dict(database)

        with own_sessions():
            assert "pool" not in database["OPTIONS"]
            assert _keeps_its_session()
        assert database == before
