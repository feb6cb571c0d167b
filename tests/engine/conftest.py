"""A workflow made known and active for one test, a queue with nothing in it, and a last look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from tests.engine.hosts import Door, Start
from tests.engine.stage import Deploy
from tests.engine.worker import late_answers_are_written
from tests.sound import violations
from workflows_app.engine.hosting import ThreadedHost
from workflows_app.engine.sharing import Crowd
from workflows_app.sdk import Workflow
from workflows_app.testing import registered


@pytest.fixture
def deploy() -> Iterator[Callable[[type[Workflow]], None]]:
    """`deploy(code)`: register and sync, in place of what has the same slug, until the test ends."""
    with ExitStack() as stack:
        yield lambda workflow: stack.enter_context(registered(workflow))


@pytest.fixture
def sound(deploy: Deploy) -> Iterator[None]:
    """At the end every invariant of the design holds over what the test has left behind."""
    yield
    assert violations() == []


@pytest.fixture
def empty_queue(db: None) -> Callable[[], None]:
    """`empty_queue()`: forget all jobs and workers; real commits leave theirs to later tests."""

    def forget() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")
            cursor.execute("DELETE FROM procrastinate_workers")

    return forget


@pytest.fixture
def start(empty_queue: Callable[[], None], settings: Settings) -> Iterator[Start]:
    """`start(at_once=1, others_wait=...)`: a host that works until the test ends, however slow the machine."""
    settings.WORKFLOWS = {"slice_seconds": 60}
    hosts: list[ThreadedHost] = []

    def begin(
        *, at_once: int = 1, others_wait: Callable[[], bool] = lambda: False, **more: Any
    ) -> ThreadedHost:
        # On a slow machine it does not keep up: without others, that makes it give nothing back.
        more = {"crowd": lambda: Crowd(workers=1, claimed=100)} | more
        host = ThreadedHost(at_once=at_once, others_wait=others_wait, **more)
        hosts.append(host)
        host.start()
        return host

    yield begin
    for host in hosts:
        host.stop(within_seconds=0)
    late_answers_are_written()
    empty_queue()


@pytest.fixture
def door() -> Iterator[Door]:
    found = Door()
    yield found
    found.open()
