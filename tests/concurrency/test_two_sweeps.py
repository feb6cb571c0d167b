"""Two sweeps at once, on two machines: each clears away what the other one leaves (P2)."""

from __future__ import annotations

from collections.abc import Callable

from asgiref.sync import async_to_sync
from django.db import connection

from tests.concurrency.stage import Stage
from tests.jobs import jobs
from tests.rivals import holding, queued
from workflows_app import dispatch


def test_two_sweeps_that_clear_the_same_dead_job_both_end(stage: Callable[..., Stage]) -> None:
    scene = stage()
    scene.publish()
    advance = f"workflows_app.advance workflow:{scene.row.pk}"
    with connection.cursor() as cursor:
        # A worker fetched the job and died.
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    assert jobs() == [f"{advance} doing"]

    with holding("SELECT FROM procrastinate_jobs FOR UPDATE"):
        first, second = queued(_sweep, _sweep)
    first.result()
    second.result()

    assert jobs() == [f"{advance} todo"]


def _sweep() -> None:
    async_to_sync(dispatch.sweep.func)(0)
