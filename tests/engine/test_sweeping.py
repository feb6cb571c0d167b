"""The sweep: it wakes what is due, and clears away the jobs of workers that died (P2).

It drops connections that are not in order, so these tests commit for real.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection
from django.db.models.functions import Now
from procrastinate.contrib.django import app, connector_params
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.psycopg_connector import PsycopgConnector
from pytest_django import Settings

from tests.engine.stage import Deploy, code, consumer, host, row, send
from workflows_app import dispatch
from workflows_app.engine.advancing import advance
from workflows_app.engine.claims import this_holder
from workflows_app.models import Lease, MachineClock, Run
from workflows_app.models.clocks import database_now
from workflows_app.sweeping import DatabaseClock, defer_sweep
from workflows_app.waking import defer_advance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workflow_id(empty_queue: Callable[[], None], deploy: Deploy) -> int:
    deploy(code(consumer()))
    empty_queue()
    return row().pk


def _waiting() -> list[int]:
    jobs = ProcrastinateJob.objects.filter(status="todo").order_by("pk")
    return [job.args["workflow_id"] for job in jobs]


def test_every_workflow_that_is_due_gets_one_job(
    workflow_id: int, deploy: Deploy, empty_queue: Callable[[], None]
) -> None:
    deploy(code(consumer(), slug="other"))
    empty_queue()
    other = row("other").pk

    assert dispatch.wake_due() == [workflow_id, other], "both were just deployed"
    assert _waiting() == [workflow_id, other]
    assert dispatch.wake_due() == []
    assert _waiting() == [workflow_id, other]


def test_a_workflow_at_rest_gets_none(workflow_id: int) -> None:
    advance(workflow_id)

    assert dispatch.wake_due() == []


def _sql(statement: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.fetchone()[0])


def _worker(seconds_since_heartbeat: float) -> int:
    return _sql(
        "INSERT INTO procrastinate_workers (last_heartbeat)"
        " VALUES (now() - make_interval(secs => %s)) RETURNING id",
        seconds_since_heartbeat,
    )


def _take_job(worker_id: int | None) -> int:
    """Let the worker have begun the job that waits."""
    return _sql(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s RETURNING id", worker_id
    )


def _sweep(timestamp: int = 0) -> None:
    async_to_sync(dispatch.sweep.func)(timestamp)


@pytest.mark.parametrize("seconds", [31, 3600])
def test_the_sweep_clears_the_job_of_a_worker_without_a_heartbeat_and_wakes_the_workflow(
    workflow_id: int, caplog: pytest.LogCaptureFixture, seconds: float
) -> None:
    defer_advance(workflow_id)
    worker = _worker(seconds)
    job = _take_job(worker)
    # Of a queue of the project's own: its jobs are for those who know what they do.
    others = _sql(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)"
        " VALUES ('mails', 'mails.send', 'doing', %s) RETURNING id",
        worker,
    )
    _sweep()

    assert not ProcrastinateJob.objects.filter(pk=job).exists()
    assert ProcrastinateJob.objects.get(pk=others).status == "doing"
    assert _waiting() == [workflow_id]
    assert caplog.record_tuples[-1] == (
        "workflows_app",
        logging.WARNING,
        f"job.stalled job={job} task=workflows_app.advance",
    )


def test_a_heartbeat_of_a_clock_that_was_ahead_counts_as_one_of_now(workflow_id: int) -> None:
    defer_advance(workflow_id)
    job = _take_job(_worker(-86_400))
    _sweep()
    assert ProcrastinateJob.objects.filter(pk=job).exists()
    ago = "last_heartbeat = last_heartbeat - interval '31 seconds'"
    _sql(f"UPDATE procrastinate_workers SET {ago} RETURNING id")
    _sweep()

    assert not ProcrastinateJob.objects.filter(pk=job).exists()


@pytest.mark.parametrize(
    ("heartbeat_seconds", "clearing"), [(10, [0, 10]), (15, [0]), (2, [0, 5, 10])]
)
def test_jobs_are_cleared_once_a_heartbeat_and_what_is_due_is_woken_by_each_sweep(
    workflow_id: int, settings: Settings, heartbeat_seconds: int, clearing: list[int]
) -> None:
    settings.WORKFLOWS = {"heartbeat_seconds": heartbeat_seconds}
    for timestamp in (0, 5, 10):
        ProcrastinateJob.objects.all().delete()
        defer_advance(workflow_id)
        job = _take_job(_worker(3600))
        _sweep(timestamp)

        assert ProcrastinateJob.objects.filter(pk=job).exists() is (timestamp not in clearing)
        assert ProcrastinateJob.objects.filter(status="todo").exists()


def test_a_sweep_that_waits_has_no_other_one_wait_in_its_worker(
    workflow_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        begun.set()
        assert may_end.wait(10)

    async def sweep_again_and_again() -> None:
        first = asyncio.create_task(dispatch.sweep.func(5))
        await asyncio.to_thread(begun.wait, 10)
        await asyncio.wait_for(dispatch.sweep.func(5), 5)
        assert len(looks) == 1
        may_end.set()
        await first
        await dispatch.sweep.func(5)

    monkeypatch.setattr(dispatch, "wake_due", look)
    asyncio.run(sweep_again_and_again())
    assert len(looks) == 2


def test_the_sweep_leaves_the_job_of_a_worker_that_lives(workflow_id: int) -> None:
    advance(workflow_id)
    defer_advance(workflow_id)
    job = _take_job(_worker(5))
    _sweep()

    assert ProcrastinateJob.objects.get().pk == job


#: Seconds since a worker that lives took the job, the lease's holder; and whether the job is ended.
ABANDONED = {
    "taken long ago, and nobody works on it": (31, "", True),
    "taken lately": (29, "", False),
    "taken when the clock was ahead": (-86_400, "", True),
    "taken long ago, and somebody works on it": (3600, "elsewhere/pid:[1] 5 1", False),
    "taken long ago, of another queue": (3600, "", False),
    "taken lately by a process of this machine that was killed": (1, "killed", True),
}


@pytest.mark.parametrize("case", ABANDONED)
def test_the_sweep_clears_the_job_that_a_worker_could_not_end(workflow_id: int, case: str) -> None:
    seconds, holder, is_ended = ABANDONED[case]
    if holder == "killed":
        ended = subprocess.Popen(["true"])
        ended.wait()
        holder = this_holder().replace(f" {os.getpid()} ", f" {ended.pid} ")
    advance(workflow_id)
    defer_advance(workflow_id)
    job = _take_job(_worker(5))
    _sql(
        "UPDATE procrastinate_events SET at = now() - make_interval(secs => %s)"
        " WHERE job_id = %s AND type = 'started' RETURNING id",
        seconds,
        job,
    )
    if "another queue" in case:
        _sql("UPDATE procrastinate_jobs SET queue_name = 'mails' WHERE id = %s RETURNING id", job)
    expires_at = Now() + timedelta(hours=1) if holder else None
    Lease.objects.update(holder=holder, expires_at=expires_at)
    _sweep()

    assert ProcrastinateJob.objects.filter(pk=job).exists() is not is_ended


def test_a_worker_is_taken_for_dead_after_the_time_of_the_settings(
    workflow_id: int, settings: Settings
) -> None:
    settings.WORKFLOWS = {"stalled_after_seconds": 100}
    advance(workflow_id)
    defer_advance(workflow_id)
    job = _take_job(_worker(90))
    _sweep()

    assert ProcrastinateJob.objects.get().pk == job


def test_the_sweep_wakes_what_is_due_and_forgets_what_nobody_says_of_clocks_any_more(
    workflow_id: int,
) -> None:
    for minutes in (19, 21):
        seen_at = Now() - timedelta(minutes=minutes)
        MachineClock.objects.create(machine=f"{minutes}", seconds_ahead=9, seen_at=seen_at)
    _sweep()

    assert _waiting() == [workflow_id]
    assert MachineClock.objects.get().machine == "19"


@pytest.mark.parametrize(
    ("lasts", "kept"),
    [
        (timedelta(days=1), False),
        (timedelta(minutes=30), False),
        (timedelta(minutes=20), True),
        (timedelta(seconds=-1), True),
    ],
)
def test_a_claim_ends_that_a_clock_which_was_ahead_has_dated(
    workflow_id: int, lasts: timedelta, kept: bool
) -> None:
    """Its holder may be dead on another machine, and nothing else would tell."""
    expires_at = database_now() + lasts
    Lease.objects.update(holder="elsewhere 1 1", expires_at=expires_at)

    _sweep()

    lease = Lease.objects.get()
    assert lease.holder == "elsewhere 1 1"
    assert lease.expires_at is not None
    if kept:
        assert lease.expires_at == expires_at
    else:
        assert lease.expires_at - database_now() < timedelta(minutes=13)


def test_sweeps_go_by_the_database_s_clock_and_all_workers_make_one(
    workflow_id: int, empty_queue: Callable[[], None]
) -> None:
    """A worker whose clock was set back by a day went without sweeps for a day."""
    now = database_now()

    async_to_sync(_defer_twice)(now)
    (job,) = ProcrastinateJob.objects.filter(task_name=dispatch.SWEEP_TASK)

    assert job.args == {"timestamp": int(now.timestamp()) // 5 * 5}


async def _defer_twice(now: datetime) -> None:
    connector = PsycopgConnector(kwargs=connector_params())
    with app.replace_connector(connector) as opened:
        async with opened.open_async():
            await defer_sweep(opened, now)
            await sync_to_async(ProcrastinateJob.objects.filter(status="todo").update)(
                queueing_lock=None
            )
            await defer_sweep(opened, now)


@pytest.mark.parametrize("seconds", [300, 30])
def test_a_clock_that_is_set_forward_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    # As if this machine's clock stood, and the database's did not.
    machine = itertools.count(1_000, -seconds)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: float(next(machine)))
    clock = DatabaseClock()
    clock.read()
    clock.read()

    told = [text.partition(":")[0] for text in caplog.messages if text.startswith("clock.")]
    assert told == ["clock.set_forward seconds=300"] * (seconds == 300)


@pytest.mark.parametrize(("seconds", "is_looked_at"), [(86_400, True), (30, False)])
def test_what_a_clock_that_was_ahead_has_put_off_is_looked_at_when_it_is_right_again(
    deploy: Deploy,
    empty_queue: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
    seconds: float,
    is_looked_at: bool,
) -> None:
    deploy(code(consumer(), slug="at-rest"))
    Lease.objects.update(next_due_at=None)
    deploy(code(consumer()))
    send("1")
    send("2")
    host()
    Run.objects.update(started_at=Now() - timedelta(days=7))
    newest = Run.objects.filter(pk=Run.objects.latest("pk").pk)
    newest.update(started_at=Now() + timedelta(seconds=seconds))
    Lease.objects.filter(pk=row().pk).update(next_due_at=Now() + timedelta(days=1))
    empty_queue()
    clock = DatabaseClock()

    with caplog.at_level(logging.WARNING, logger="workflows_app"):
        clock.read()
        clock.read()
    _sweep()

    assert _waiting() == ([row().pk] if is_looked_at else [])
    told = [re.sub(r"\d+", "N", text) for text in caplog.messages if text.startswith("clock.")]
    assert told == ["clock.set_back seconds=N: all workflows are looked at"] * is_looked_at
