"""Which workflow is advanced when, on which machine: tasks on procrastinate.

`advance` hands one workflow to the host of its process, which gives it back when there is nothing to do,
or when others wait for a place. `lock` lets one job a workflow run at a time, `queueing_lock` lets one wait. What is due in the future is the
lease's `next_due_at`, found by the sweep: a scheduled job would hold back others of its lock.
Jobs are only hints. Losing any of them loses no work, since the sweep finds what is owed: leases
that are due, leases whose holder vanished, and arrivals that nobody has looked at.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Protocol
from weakref import WeakSet

from asgiref.sync import sync_to_async
from django.db import Error, close_old_connections, connection
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q
from django.db.models.functions import Now
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import (
    ProcrastinateEvent,
    ProcrastinateJob,
    ProcrastinateWorker,
)
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status

from workflows_app.conf import policy
from workflows_app.engine import claims
from workflows_app.engine.advancing import Slice
from workflows_app.engine.advancing import advance as advance_here
from workflows_app.engine.drift import forget_old_clocks
from workflows_app.engine.sharing import Crowd
from workflows_app.models import Arrival, Lease, Topic
from workflows_app.models.clocks import database_now
from workflows_app.outages import watch
from workflows_app.waking import ADVANCE_TASK, QUEUE, SESSION_NAME, defer_advance

logger = logging.getLogger("workflows_app")

#: How often a sweep comes, over all workers together.
SWEEP_SECONDS = 5
SWEEP_TASK = "workflows_app.sweep"
#: How often one clears away what does no harm for a while.
_TIDY_SECONDS = 60.0
#: The event loops, which is to say workers, in which a sweep is under way.
_sweeping: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


class Hosts(Protocol):
    """What advances workflows in this process."""

    def take(self, workflow_id: int) -> Future[Slice]: ...


#: The host of this process, while its worker runs.
_host: ContextVar[Hosts | None] = ContextVar("workflows_host", default=None)


@contextmanager
def hosted_by(host: Hosts) -> Iterator[None]:
    """Let the jobs of the block hand their workflows to `host`."""
    token = _host.set(host)
    try:
        yield
    finally:
        _host.reset(token)


@app.task(name=ADVANCE_TASK, queue=QUEUE)
async def advance(workflow_id: int) -> None:
    """Have a workflow advanced until nothing is due. While the database is away, leave it due."""
    with unless_away():
        host = _host.get()
        if host is None:
            done = await sync_to_async(advance_here)(workflow_id)
        else:
            done = await asyncio.wrap_future(host.take(workflow_id))
        if done.has_more:
            await sync_to_async(defer_advance)(workflow_id)


def others_wait() -> bool:
    """Tell whether a workflow waits for a place."""
    waiting = ProcrastinateJob.objects.filter(queue_name=QUEUE, task_name=ADVANCE_TASK)
    return waiting.filter(status="todo").exists()


def crowd() -> Crowd:
    """Return who works on this queue, and on how much."""
    since = database_now() - timedelta(seconds=policy().stalled_after_seconds)
    alive = ProcrastinateWorker.objects.filter(last_heartbeat__gt=since)
    return Crowd(alive.count(), Lease.objects.exclude(holder="").count())


@app.task(name=SWEEP_TASK, queue=QUEUE, queueing_lock=SWEEP_TASK)
async def sweep(timestamp: int) -> None:
    """Wake every workflow that is due, and, once a heartbeat, clear away what dead workers left; the rest, once a minute.

    It has no `lock`: a sweep whose worker died would hold back the one that clears it away. But one
    that waits, for a lock of the database say, must not have others wait beside it: each would keep
    the worker from advancing one more workflow.
    """
    worker = asyncio.get_running_loop()
    if worker in _sweeping:
        return
    _sweeping.add(worker)
    try:
        await _sweep(timestamp)
    finally:
        _sweeping.discard(worker)


async def _sweep(timestamp: int) -> None:
    with unless_away():
        if _is_first_within(policy().heartbeat_seconds, timestamp):
            await sync_to_async(end_idle_transactions)()
            await _clear_stalled_jobs()
        if _is_first_within(_TIDY_SECONDS, timestamp):
            await sync_to_async(forget_old_clocks)()
            await sync_to_async(claims.shorten)()
            await sync_to_async(forget_arrivals_for_nobody)()
        await sync_to_async(wake_due)()


def _is_first_within(seconds: float, timestamp: int) -> bool:
    """Tell whether no sweep came before this one in so many seconds: a heartbeat of the workers, or a minute."""
    return timestamp % max(seconds, SWEEP_SECONDS) < SWEEP_SECONDS


@contextmanager
def unless_away() -> Iterator[None]:
    """End the block early if the database is away: a later job finds what it did not get to.

    A job that failed would be kept for good, and stand for nothing.
    """
    try:
        yield
    except (Error, ConnectorException) as error:
        if not watch.saw(error):
            raise
    else:
        watch.back()


def end_idle_transactions() -> int:
    """End the sessions of workers that were suspended in a transaction; return how many.

    The server would let them keep their locks for hours: nobody could take their workflow over, nor
    wake it. After `lease_seconds` the worker's claim is over, and what it would write is refused.
    """
    close_old_connections()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user"
            " AND application_name = %s AND state LIKE 'idle in transaction%%'"
            " AND state_change < now() - make_interval(secs => %s)",
            [SESSION_NAME, policy().lease_seconds],
        )
        ended = [pid for pid, is_ended in cursor.fetchall() if is_ended]
    for pid in ended:
        logger.warning("worker.session_ended pid=%s", pid)
    return len(ended)


def due_workflows(now: datetime | Now) -> set[int]:
    """Return the ids of the workflows that some worker should look at. `Now()` is the database's clock."""
    expired = ~Q(holder="") & Q(expires_at__lt=Now())
    due = Q(holder="", next_due_at__lte=now)
    is_due = ExpressionWrapper(expired | due, BooleanField())
    leases = Lease.objects.annotate(is_due=is_due).filter(~Q(holder="") | due)
    found = leases.values_list("pk", "is_due", "holder")
    waiting = {pk for pk, now_due, holder in found if now_due or claims.is_gone(holder)}
    arrived = Topic.objects.filter(
        Exists(Arrival.objects.filter(topic=OuterRef("pk"))),
        consumer__isnull=False,
        workflow__lease__listens=True,
        workflow__lease__holder="",
    )
    return waiting | set(arrived.values_list("workflow_id", flat=True))


def forget_arrivals_for_nobody() -> None:
    """Clear away those of topics that nobody takes from; a version that does lets its consumer look by itself."""
    arrivals = Arrival.objects.filter(topic__consumer=None)
    # To delete none would be a transaction of its own.
    if arrivals.exists():
        arrivals.delete()


def wake_due() -> list[int]:
    """Put a job for every workflow that is due into the queue; return whose were new."""
    close_old_connections()
    try:
        return [pk for pk in sorted(due_workflows(Now())) if defer_advance(pk)]
    finally:
        close_old_connections()


async def _clear_stalled_jobs() -> None:
    """End the jobs of workers without a heartbeat, and abandoned ones, so that their locks are free.

    What they worked on is found by its lease, as soon as that has expired. Jobs of other queues are left alone.
    """
    await sync_to_async(_doubt_heartbeats)()
    manager: Any = app.job_manager
    seconds = policy().stalled_after_seconds
    stalled = await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=seconds)
    ended = {job.id: job.task_name for job in stalled} | await sync_to_async(abandoned_jobs)()
    for job_id, task in ended.items():
        logger.warning("job.stalled job=%s task=%s", job_id, task)
        try:
            await manager.finish_job_by_id_async(
                job_id=job_id, status=Status.FAILED, delete_job=True
            )
        except ConnectorException as error:
            # Another sweep was first, or the next one will do it.
            logger.warning("job.not_cleared job=%s error=%s", job_id, error)


def _doubt_heartbeats() -> None:
    """Let no heartbeat be of a time to come: a clock that was ahead has dated it, maybe of a worker that is dead."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE last_heartbeat > now()"
        )


def abandoned_jobs() -> dict[int, str]:
    """Return the jobs, with their tasks, that nobody works on, though their workers have a heartbeat.

    The queue forgets to end a job if the database is away at that moment; and a worker that was killed had one just
    before. Whoever works on a workflow holds its lease; to end a job that only waits for a lock does no harm.
    """
    long_ago = Now() - timedelta(seconds=policy().stalled_after_seconds)
    lately = ProcrastinateEvent.objects.filter(
        job=OuterRef("pk"), type="started", at__range=(long_ago, Now())
    )
    doing = ProcrastinateJob.objects.filter(queue_name=QUEUE, status="doing")
    found = list(doing.annotate(is_new=Exists(lately)))
    if not found:
        return {}
    holders = dict(Lease.objects.exclude(holder="").values_list("pk", "holder"))
    gone = {pk for pk, holder in holders.items() if claims.is_gone(holder)}

    def is_abandoned(job: Any) -> bool:
        workflow_id = job.args.get("workflow_id")
        return workflow_id in gone or not (job.is_new or workflow_id in holders)

    return {job.pk: job.task_name for job in found if is_abandoned(job)}
