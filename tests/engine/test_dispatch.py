"""Which workflows some worker should look at, and the tasks that make it look (P2)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.db.models.functions import Now
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.engine.stage import (
    NOW,
    RECEIVED,
    Deploy,
    after,
    code,
    consumer,
    producer,
    row,
    runs,
    send,
    status_of,
)
from workflows_app import dispatch
from workflows_app.engine.advancing import Slice, advance
from workflows_app.engine.claims import this_holder
from workflows_app.engine.sharing import Crowd
from workflows_app.models import Arrival, Lease
from workflows_app.waking import defer_advance

pytestmark = pytest.mark.django_db

ELSEWHERE = "elsewhere/pid:[1] 5 1"
#: Above the largest process number that Linux gives.
GONE_PID = 2**22 + 1


@pytest.fixture
def workflow_id(empty_queue: Callable[[], None], deploy: Deploy) -> int:
    deploy(code(consumer()))
    empty_queue()
    return row().pk


def _waiting() -> list[int]:
    jobs = ProcrastinateJob.objects.filter(status="todo").order_by("pk")
    return [job.args["workflow_id"] for job in jobs]


def _gone() -> str:
    return f"{this_holder().rsplit(' ', 2)[0]} {GONE_PID} 1"


#: Holder, seconds until the claim expires, due at, listens, has an arrival; and whether it is due.
STATES: dict[str, tuple[Callable[[], str], float | None, float | None, bool, bool, bool]] = {
    "at rest": (str, None, None, True, False, False),
    "due": (str, None, 0, True, False, True),
    "due in a second": (str, None, 1, True, False, False),
    "due since an hour": (str, None, -3600, False, False, True),
    "an arrival": (str, None, None, True, True, True),
    "an arrival that it does not listen to": (str, None, None, False, True, False),
    "an arrival, and due later": (str, None, 60, True, True, True),
    "held": (lambda: ELSEWHERE, 60, None, True, False, False),
    "held and due": (lambda: ELSEWHERE, 60, 0, True, False, False),
    "held, with an arrival": (lambda: ELSEWHERE, 60, None, True, True, False),
    "held by who let it expire": (lambda: ELSEWHERE, -1, None, False, False, True),
    "held by a process that is gone": (_gone, 60, None, False, False, True),
}


@pytest.mark.parametrize("state", STATES)
def test_a_workflow_is_due_when_something_is_owed_to_it(workflow_id: int, state: str) -> None:
    holder, expires_in, due_in, listens, has_arrival, is_due = STATES[state]
    Lease.objects.update(
        holder=holder(),
        expires_at=None if expires_in is None else Now() + timedelta(seconds=expires_in),
        next_due_at=None if due_in is None else after(due_in),
        listens=listens,
    )
    if has_arrival:
        topic = row().topics.get(name=RECEIVED)
        Arrival.objects.create(topic=topic, lane="", transaction="1")

    assert dispatch.due_workflows(NOW) == ({workflow_id} if is_due else set())


def test_the_work_is_shared_by_the_workers_that_live(workflow_id: int, deploy: Deploy) -> None:
    Lease.objects.update(holder=ELSEWHERE)
    deploy(code(consumer(), slug="at-rest"))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) SELECT now() - seconds * interval '1 s'"
            " FROM unnest(ARRAY[0, 20, 40, 90000]) AS seconds"
        )

    assert dispatch.crowd() == Crowd(workers=2, claimed=1)


def test_others_wait_for_a_place_while_a_workflow_s_job_waits(workflow_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES"
            " ('workflows', 'workflows_app.sweep', 'todo'), ('mails', 'workflows_app.advance', 'todo'),"
            " ('workflows', 'workflows_app.advance', 'doing')"
        )
    assert not dispatch.others_wait()

    defer_advance(workflow_id)
    assert dispatch.others_wait()


def test_the_task_advances_the_workflow_to_its_rest(workflow_id: int) -> None:
    send("1")
    send("2")
    async_to_sync(dispatch.advance.func)(workflow_id)

    assert {status_of("1"), status_of("2")} == {"consumed"}
    assert _waiting() == []
    assert dispatch.due_workflows(NOW) == set()


def test_a_worker_that_is_told_to_stop_begins_nothing(workflow_id: int) -> None:
    send("1")
    slice_ = advance(workflow_id, keep_going=lambda: False)

    assert (slice_.steps, slice_.has_more, runs()) == (0, True, [])
    assert dispatch.due_workflows(NOW) == {workflow_id}, "it stays due for another"


def test_a_producer_is_found_by_the_sweep_when_it_is_due(deploy: Deploy) -> None:
    deploy(code(producer(lambda ctx, state: None)))
    advance(row().pk, clock=lambda: NOW)

    assert dispatch.due_workflows(after(299)) == set()
    assert dispatch.due_workflows(after(300)) == {row().pk}


class _Busy:
    """A host that gives back every workflow before all is done."""

    def take(self, workflow_id: int) -> Future[Slice]:
        done: Future[Slice] = Future()
        done.set_result(Slice(1, has_more=True))
        return done


def test_the_task_defers_what_the_host_gives_back_unfinished(workflow_id: int) -> None:
    with dispatch.hosted_by(_Busy()):
        async_to_sync(dispatch.advance.func)(workflow_id)

    assert _waiting() == [workflow_id]
