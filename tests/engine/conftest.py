"""A workflow made known and active for one test, a queue with nothing in it, and a last look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.db import connection

from tests.engine.stage import Deploy
from workflows_app.doctor import CHECKS, Severity, examine, schema
from workflows_app.sdk import Workflow
from workflows_app.testing import registered

#: PostgreSQL itself keeps what the checks of the schema look at: they take the longest.
LOOKED_AT = [check for check in CHECKS if check not in schema.CHECKS]


@pytest.fixture
def deploy() -> Iterator[Callable[[type[Workflow]], None]]:
    """`deploy(code)`: register and sync, in place of what has the same slug, until the test ends."""
    with ExitStack() as stack:
        yield lambda workflow: stack.enter_context(registered(workflow))


@pytest.fixture
def sound(deploy: Deploy) -> Iterator[None]:
    """At the end every invariant of the design holds over what the test has left behind."""
    yield
    broken = [
        f"{finding.check.title}: {finding.found.subject} {finding.found.id} {finding.found.detail}"
        for finding in examine(LOOKED_AT)
        if finding.check.severity == Severity.VIOLATION
    ]
    assert broken == []


@pytest.fixture
def empty_queue(db: None) -> Callable[[], None]:
    """`empty_queue()`: forget all jobs and workers; real commits leave theirs to later tests."""

    def forget() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")
            cursor.execute("DELETE FROM procrastinate_workers")

    return forget
