"""Waking the host: a job for the workflow, once, after the transaction that made work (P2)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.engine.stage import NOW, RECEIVED, SLUG, Deploy, code, consumer, host, row, send
from workflows_app.dispatch import due_workflows, sweep
from workflows_app.models import Arrival, Event, Handler, Topic
from workflows_app.publishing import TopicWriter, publish
from workflows_app.waking import WAKE_CHANNEL, defer_advance, wake, wake_at

#: pytest-django's fixture: a context manager that gives what waits for the commit.
Capture = Callable[..., Any]


@pytest.fixture
def workflow_id(empty_queue: Callable[[], None], deploy: Deploy) -> int:
    deploy(code(consumer()))
    empty_queue()
    return row().pk


def _jobs() -> list[tuple[str, str, str, str | None, str | None, dict[str, int]]]:
    return [
        (job.status, job.queue_name, job.task_name, job.lock, job.queueing_lock, job.args)
        for job in ProcrastinateJob.objects.order_by("pk")
    ]


def _job(workflow_id: int) -> Any:
    name = f"workflow:{workflow_id}"
    args = {"workflow_id": workflow_id}
    return ("todo", "workflows", "workflows_app.advance", name, name, args)


class _Undo(Exception):
    """Rolls a block back."""


def test_publishing_puts_one_job_into_the_queue_after_the_commit(
    workflow_id: int, django_capture_on_commit_callbacks: Capture
) -> None:
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        send("1")
        send("2")
        send("2", "changed")
        assert _jobs() == [], "not before the commit"

    assert len(callbacks) == 1
    assert _jobs() == [_job(workflow_id)]


def test_each_workflow_has_a_job_of_its_own(
    workflow_id: int, deploy: Deploy, django_capture_on_commit_callbacks: Capture
) -> None:
    deploy(code(consumer(), slug="other"))
    with django_capture_on_commit_callbacks(execute=True):
        send("1")
        publish(workflow="other", topic=RECEIVED, message_id="1", payload=0)
        send("2")

    assert _jobs() == [_job(workflow_id), _job(row("other").pk)]


@pytest.mark.django_db(transaction=True)
def test_whoever_holds_a_workflow_hears_of_each_event_though_a_job_waits(workflow_id: int) -> None:
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as worker:
        worker.execute(f"LISTEN {WAKE_CHANNEL}")
        for number in range(3):
            send(str(number))
        heard = list(worker.notifies(timeout=30, stop_after=3))

    assert [told.payload for told in heard] == [str(workflow_id)] * 3
    assert _jobs() == [_job(workflow_id)]


def test_a_job_that_waits_already_is_enough(workflow_id: int) -> None:
    assert defer_advance(workflow_id) is True
    assert defer_advance(workflow_id) is False

    assert _jobs() == [_job(workflow_id)]
    assert Event.objects.count() == 0, "and the transaction goes on"


def test_waking_at_an_instant_is_durable_even_if_the_job_is_lost(workflow_id: int) -> None:
    with transaction.atomic():
        wake_at(workflow_id, due_at=NOW)

    assert row().lease.next_due_at == NOW
    assert _jobs() == []


def test_what_a_savepoint_undoes_wakes_nobody(
    workflow_id: int, django_capture_on_commit_callbacks: Capture
) -> None:
    with django_capture_on_commit_callbacks() as callbacks, suppress(_Undo), transaction.atomic():
        send("1")
        raise _Undo

    assert callbacks == []
    assert not Event.objects.exists()
    assert not Arrival.objects.exists()


def test_work_that_outlives_an_undone_savepoint_wakes_the_host(
    workflow_id: int, django_capture_on_commit_callbacks: Capture
) -> None:
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        with suppress(_Undo), transaction.atomic():
            send("1")
            raise _Undo
        send("2")

    assert len(callbacks) == 1
    assert _jobs() == [_job(workflow_id)]


def test_work_before_an_undone_savepoint_still_wakes_the_host(
    workflow_id: int, django_capture_on_commit_callbacks: Capture
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        wake(workflow_id)
        with suppress(_Undo), transaction.atomic():
            wake(workflow_id)
            raise _Undo

    assert len(callbacks) == 1


def test_work_in_a_savepoint_that_is_undone_with_an_outer_one_wakes_nobody(
    workflow_id: int, django_capture_on_commit_callbacks: Capture
) -> None:
    with django_capture_on_commit_callbacks() as callbacks, suppress(_Undo), transaction.atomic():
        with transaction.atomic():
            wake(workflow_id)
        wake(workflow_id)
        raise _Undo

    assert callbacks == []


def test_work_after_a_savepoint_that_was_kept_needs_no_second_job(
    workflow_id: int, django_capture_on_commit_callbacks: Capture
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        with transaction.atomic():
            send("1")
        send("2")

    assert _jobs() == [_job(workflow_id)]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_rolls_back_leaves_no_job_and_no_event(workflow_id: int) -> None:
    with suppress(_Undo), transaction.atomic():
        send("1")
        raise _Undo

    assert (_jobs(), Event.objects.count(), Arrival.objects.count()) == ([], 0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_commits_leaves_one_job_and_one_arrival(workflow_id: int) -> None:
    with transaction.atomic():
        send("1")
        send("2")

    assert _jobs() == [_job(workflow_id)]
    assert Arrival.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_sweep_clears_away_arrivals_that_nobody_waits_for(workflow_id: int) -> None:
    send("1", topic="order.shipped")
    send("2")
    assert Arrival.objects.count() == 2

    async_to_sync(sweep.func)(0)

    assert [arrival.topic.name for arrival in Arrival.objects.all()] == [RECEIVED]


def test_an_event_published_before_its_topic_had_a_consumer_is_found_after_its_commit(
    workflow_id: int,
) -> None:
    """The publisher read its topic before the deploy, and commits when the host has come to rest."""
    writer = TopicWriter.of(SLUG, "order.shipped")
    entry = writer.checked("late", {})
    consumer = Handler.objects.get(kind="consumer")
    host()
    Topic.objects.filter(pk=writer.topic.pk).update(consumer=consumer)

    with transaction.atomic():
        writer.write([entry])

    assert workflow_id in due_workflows(NOW)
