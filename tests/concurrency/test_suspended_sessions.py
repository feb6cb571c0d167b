"""A worker that is suspended in a transaction loses its session, and nobody else does (P2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, connection

from tests.concurrency.stage import Stage
from tests.eventually import eventually
from tests.jobs import empty_queue
from workflows_app import waking
from workflows_app.dispatch import end_idle_transactions, wake_due
from workflows_app.waking import SESSION_NAME

pytestmark = pytest.mark.django_db(transaction=True)


def test_only_idle_transactions_of_workers_are_ended(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.WORKFLOWS = {"lease_seconds": 60}
    with ExitStack() as stack:
        other = stack.enter_context(in_transaction("shell"))
        worker = stack.enter_context(in_transaction(SESSION_NAME))
        # Of another project on the same server: its own sweeps see to it.
        elsewhere = stack.enter_context(in_transaction(SESSION_NAME, database="postgres"))
        assert end_idle_transactions() == 0
        pid = worker.connection.info.backend_pid

        settings.WORKFLOWS = {"lease_seconds": 0.1}
        eventually(end_idle_transactions, 1)
        assert answers(other)
        assert answers(elsewhere)
        assert not answers(worker)
        assert f"worker.session_ended pid={pid}" in caplog.messages

        # One whose last statement failed keeps its locks just so.
        failed = stack.enter_context(in_transaction(SESSION_NAME))
        with failed.cursor() as cursor, pytest.raises(ProgrammingError):
            cursor.execute("SELECT nothing_of_this_name")
        eventually(end_idle_transactions, 1)
        assert not answers(failed)


def test_a_sweep_does_not_wait_for_a_worker_that_was_suspended_while_it_woke_the_same_workflow(
    stage: Callable[..., Stage],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = stage()
    scene.publish()
    empty_queue()
    monkeypatch.setattr(waking, "PATIENCE_SECONDS", 0.1)
    with in_transaction(SESSION_NAME) as worker:
        with worker.cursor() as cursor:
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock)"
                " VALUES ('workflows', 'workflows_app.advance', %(lock)s, %(lock)s)",
                {"lock": f"workflow:{scene.row.pk}"},
            )

        assert wake_due() == []
        assert f"job.held_up workflow={scene.row.pk}" in caplog.messages

    assert wake_due() == [scene.row.pk]


@contextmanager
def in_transaction(name: str, *, database: str = "") -> Iterator[Any]:
    """A session of this name that has begun a transaction, in the tests' database if in no other."""
    session: Any = connection.copy()
    session.settings_dict["NAME"] = database or session.settings_dict["NAME"]
    options = session.settings_dict["OPTIONS"]
    session.settings_dict["OPTIONS"] = {**options, "application_name": name}
    try:
        session.set_autocommit(False)
        assert answers(session)
        yield session
    finally:
        session.close()


def answers(session: Any) -> bool:
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT 1")
    except OperationalError:
        return False
    return True
