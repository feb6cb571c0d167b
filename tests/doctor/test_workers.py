"""What is due and finds no worker, and jobs that nobody does, are found."""

from __future__ import annotations

import re
import socket
from datetime import timedelta

import pytest
from django.db import connection

from tests.clocks import database_ahead
from tests.doctor.planting import found_by, lines
from tests.doctor.shop import Shop
from workflows_app.doctor import CHECKS, examine
from workflows_app.models import Lease, MachineClock
from workflows_app.models.clocks import database_now
from workflows_app.waking import defer_advance

pytestmark = pytest.mark.django_db


def test_a_holder_that_vanished_is_found(shop: Shop) -> None:
    for over_since, is_found in ((-50, False), (50, False), (70, True)):
        expires_at = database_now() - timedelta(seconds=over_since)
        Lease.objects.update(holder="worker", expires_at=expires_at)
        assert bool(found_by("D811")) == is_found
    Lease.objects.update(holder="")
    assert found_by("D811") == []

    Lease.objects.update(holder="worker")
    Lease.objects.update(expires_at="2026-01-02 03:04:05Z")

    assert found_by("D811") == [
        f'shop: workflow {shop.workflow.pk} is held by "worker", whose claim was over at'
        " 2026-01-02 03:04:05+00"
    ]


def test_a_workflow_that_is_overdue_is_found(shop: Shop) -> None:
    shop.run_host()
    Lease.objects.update(next_due_at="2026-01-02 03:04:05Z")
    now = Lease.objects.get().next_due_at
    assert now is not None
    assert found_by("D812", now=now + timedelta(minutes=1)) == []

    assert found_by("D812", now=now + timedelta(minutes=1, seconds=1)) == [
        f"shop: workflow {shop.workflow.pk} is due since 2026-01-02 03:04:05+00"
    ]
    Lease.objects.update(holder="worker", expires_at="2100-01-01 00:00Z")
    assert found_by("D812") == []


def job_of(shop: Shop) -> int:
    defer_advance(shop.workflow.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM procrastinate_jobs")
        (job,) = cursor.fetchone()
    return int(job)


def test_a_job_whose_worker_is_gone_is_found(shop: Shop) -> None:
    job = job_of(shop)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()) RETURNING id"
        )
        (worker,) = cursor.fetchone()
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s",
            [worker, job],
        )
        # Half a minute until it is taken for dead, and a minute for others to see it.
        for seconds, is_found in ((0, False), (80, False), (100, True)):
            cursor.execute(
                "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 second' * %s",
                [seconds],
            )
            assert bool(found_by("D813")) == is_found
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = '2026-01-02 03:04:05Z'")
        assert found_by("D813") == [
            f"shop: job {job} of task workflows_app.advance is held by worker {worker}, last seen at"
            " 2026-01-02 03:04:05+00"
        ]
        cursor.execute("UPDATE procrastinate_jobs SET worker_id = NULL")
        assert found_by("D813") == [
            f"shop: job {job} of task workflows_app.advance is held by no worker"
        ]
        cursor.execute("UPDATE procrastinate_jobs SET task_name = 'others.task'")
        assert found_by("D813") == []


def test_a_job_that_failed_is_found(shop: Shop) -> None:
    job = job_of(shop)
    assert found_by("D814") == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed'")

    assert found_by("D814") == [f"shop: job {job} of task workflows_app.advance failed"]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET task_name = 'others.task'")
    assert found_by("D814") == []


def test_a_failed_job_of_no_workflow_is_found_whichever_is_examined(shop: Shop) -> None:
    job = job_of(shop)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'failed', args = '{}', task_name = 'workflows_app.sweep'"
        )
    checks = [check for check in CHECKS if check.id == "D814"]

    for workflow in (None, shop.workflow):
        assert lines(examine(checks, workflow=workflow)) == [
            f"None: job {job} of task workflows_app.sweep failed"
        ]


def test_a_machine_whose_clock_differs_is_found(shop: Shop) -> None:
    now = database_now()
    lately = now - timedelta(minutes=19)
    MachineClock.objects.create(machine="there", seconds_ahead=-2.5, seen_at=lately)
    long_ago = now - timedelta(minutes=21)
    MachineClock.objects.create(machine="gone", seconds_ahead=9, seen_at=long_ago)
    with database_ahead(0.5):
        told = (
            "None: machine there was 2.5 s behind when a worker looked at"
            f" {lately:%Y-%m-%d %H:%M:%S}"
        )
        assert found_by("D815") == [f"{told} UTC"]

    with database_ahead(-3600):
        here, there = found_by("D815")
    assert re.fullmatch(rf"None: machine {socket.gethostname()} is 3600\.\d s ahead", here)
    assert there == f"{told} UTC"
    with database_ahead(3600):
        here, _ = found_by("D815")
    assert re.fullmatch(rf"None: machine {socket.gethostname()} is 3[56]\d\d\.\d s behind", here)
