"""The database hangs up on a worker, or is away for a while: the worker goes on by itself (P1, P2, P3).

Nothing is sent twice, and an answer that came meanwhile is not forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from tests.crash.scenario import Scenario, evidence_of
from tests.crash.workers import Worker
from tests.eventually import eventually
from workflows_app.models import Mutation

POINTS = {
    "mute-prepare": "prepare",
    "mute-before": "before",
    "mute-after": "after",
    "mute-next": "next",
    "asked-lookup": "lookup",
}
#: What a worker logs when it has noticed; it says so once, whatever the database says later.
AWAY = "database.away"


@contextmanager
def hung_up(worker: Worker) -> Iterator[None]:
    """End all connections but the test's, and wait until they are; new ones are welcome."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    yield


@contextmanager
def away(worker: Worker) -> Iterator[None]:
    """End all connections but the test's, and let nobody in until the worker has noticed."""
    with _server() as server:
        name = sql.Identifier(connection.settings_dict["NAME"])
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        try:
            server.execute(allow.format(name, sql.SQL("false")))
            with hung_up(worker):
                yield
            eventually(lambda: AWAY in worker.log.read_text(), True)
        finally:
            server.execute(allow.format(name, sql.SQL("true")))


def _server() -> psycopg.Connection:
    params = connection.get_connection_params()
    wanted = {key: params[key] for key in ("host", "port", "user", "password") if params.get(key)}
    return psycopg.connect(**wanted, dbname="postgres", autocommit=True)


@pytest.mark.parametrize("lost", [hung_up, away])
def test_a_worker_that_lost_the_database_goes_on_by_itself(
    scenario: Callable[..., Scenario], lost: Callable[[Worker], AbstractContextManager[None]]
) -> None:
    scene = scenario(*POINTS)
    outside = scene.outside
    outside.refusing["asked-lookup"] = 500
    standing = [f"{slug}/{point}" for slug, point in POINTS.items()]
    outside.hold(*standing)
    worker = scene.start_worker()
    outside.wait_for(*standing)
    outside.refusing.clear()
    with lost(worker):
        outside.release(*standing)
        outside.wait_for(*standing, standing=0)
    scene.publish("mute-before", "43")

    same_run = "committed committed (applied)"
    eventually(
        scene.all_told,
        {
            "mute-prepare": f"{same_run}; 42 consumed; paid 42",
            "mute-before": f"{same_run}; {same_run}; 42 consumed; 43 consumed; paid 42 43",
            "mute-after": f"{same_run}; 42 consumed; paid 42",
            "mute-next": f"{same_run}; 42 consumed; paid 42",
            "asked-lookup": f"failed mutating (failed); {same_run}; 42 consumed; paid 42",
        },
    )
    run = scene.last_run("mute-after")
    assert run.mutation.resolved_by == Mutation.ResolvedBy.RESPONSE
    assert evidence_of(run) == ["execute 1 applied: "]
    assert worker.is_running
