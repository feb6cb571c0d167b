"""The sweep finds what no job points to; a worker that dies in it takes the sweep down with no one (P2)."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection

from tests.crash.scenario import Scenario
from tests.eventually import eventually
from tests.jobs import jobs
from tests.rivals import holding, waiting_for_locks


def test_the_sweep_goes_on_after_a_worker_was_killed_in_it(
    scenario: Callable[..., Scenario],
) -> None:
    scene = scenario("mute")
    first = scene.start_worker()
    eventually(lambda: scene.told("mute"), "committed committed (applied); 42 consumed; paid 42")
    eventually(jobs, [])
    with holding("LOCK TABLE workflows_app_lease IN ACCESS EXCLUSIVE MODE"):
        eventually(waiting_for_locks, 1)
        first.kill()

    scene.publish("mute", "43")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
    assert jobs() == ["workflows_app.sweep doing"]
    scene.start_worker()

    eventually(
        lambda: scene.told("mute"),
        "committed committed (applied); committed committed (applied);"
        " 42 consumed; 43 consumed; paid 42 43",
    )
