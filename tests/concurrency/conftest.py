"""The stage, and a watch on what a race leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.db import connection

from tests.concurrency.stage import Stage
from tests.eventually import eventually
from tests.jobs import empty_queue
from workflows_app.testing import registered


@pytest.fixture
def stage(transactional_db: None) -> Iterator[Callable[..., Stage]]:
    """`stage(limit=1, **policy)`: a synced workflow that stops where the test says."""
    empty_queue()
    with ExitStack() as stack:

        def make(**options: object) -> Stage:
            made = Stage(**options)
            stack.callback(made.release_all)
            stack.enter_context(registered(made.workflow))
            return made

        yield make
    eventually(left_behind, [])
    empty_queue()


def left_behind() -> list[str]:
    """Return the threads and the database sessions that should have ended with the test."""
    threads = [
        thread.name
        for thread in threading.enumerate()
        if thread.name in ("rival", "workflows-call")
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT concat_ws(' ', state, left(query, 100)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return threads + [row[0] for row in cursor.fetchall()]
