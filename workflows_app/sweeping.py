"""A worker's sweeps: one every few seconds over all workers, by the database's clock (P2).

The queue's own periodic tasks go by the clock of each machine: after that was set back by a day, none
would come for a day. Here a worker counts seconds by a clock that nobody sets, and the moment it asks
for is the database's, so that all workers together make one sweep at a time.

Dates that were set by a wrong clock are nobody's friend either: a database whose clock was ahead has
written that a workflow is due tomorrow. When its clock is right again, all that is due later is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from asgiref.sync import sync_to_async
from django.db import Error, close_old_connections
from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from workflows_app import dispatch
from workflows_app.models import Lease, Run
from workflows_app.models.clocks import database_now
from workflows_app.sdk.deadlines import machine_seconds

logger = logging.getLogger("workflows_app")

#: From here on a clock was set; less is a correction that does no harm.
_JUMP = timedelta(seconds=60)
_SET_FORWARD = (
    "clock.set_forward seconds=%d: claims that are held have ended, and calls that are under way"
    " may be taken for ended ones"
)


@contextlib.asynccontextmanager
async def sweeping(app: App) -> AsyncIterator[None]:
    """Have a sweep come now, and then every `SWEEP_SECONDS` while the block lasts."""
    clock, is_over = DatabaseClock(), asyncio.Event()
    await _sweep_soon(app, clock)
    later = asyncio.create_task(_keep_sweeping(app, clock, is_over))
    try:
        yield
    finally:
        # Not cancelled: what waits for a thread would swallow that, and go on without end.
        is_over.set()
        await later


async def _keep_sweeping(app: App, clock: DatabaseClock, is_over: asyncio.Event) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(is_over.wait(), dispatch.SWEEP_SECONDS)
        if is_over.is_set():
            return
        await _sweep_soon(app, clock)


async def _sweep_soon(app: App, clock: DatabaseClock) -> None:
    """Defer a sweep. While the database is away there is none: the next one finds all that is due."""
    try:
        with dispatch.unless_away():
            await defer_sweep(app, await sync_to_async(clock.read)())
    except (Error, ConnectorException) as error:
        # What is due is found by the next one. Without tables the worker itself says what to do.
        logger.warning("sweep.not_deferred error=%s", str(error).strip().partition("\n")[0])


async def defer_sweep(app: App, now: datetime) -> None:
    """Defer the sweep of this moment, unless another worker has done so, or one waits still."""
    moment = int(now.timestamp()) // dispatch.SWEEP_SECONDS * dispatch.SWEEP_SECONDS
    job = dispatch.sweep.configure(task_kwargs={"timestamp": moment}).job
    with contextlib.suppress(AlreadyEnqueued):
        await app.job_manager.defer_periodic_job(
            job=job, periodic_id="sweep", defer_timestamp=moment
        )


class DatabaseClock:
    """Reads the database's clock, and notices when it was set; back, also before this worker began."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._read_at = 0.0

    def read(self) -> datetime:
        """Return the time. If the clock was set back, let every workflow be looked at that is due later."""
        try:
            now = database_now()
            expected = self._expected()
            if expected is not None and now < expected - _JUMP:
                look_at_all(now, expected)
            elif expected is not None and self._last is not None and now > expected + _JUMP:
                logger.warning(_SET_FORWARD, (now - expected).total_seconds())
            self._last, self._read_at = now, machine_seconds()
            return now
        finally:
            close_old_connections()

    def _expected(self) -> datetime | None:
        if self._last is not None:
            return self._last + timedelta(seconds=machine_seconds() - self._read_at)
        # The newest run can't be younger than now.
        return Run.objects.order_by("-pk").values_list("started_at", flat=True).first()


def look_at_all(now: datetime, expected: datetime) -> None:
    """Let every workflow be due that is due later: its dates may have been set by a wrong clock. Commits."""
    logger.warning(
        "clock.set_back seconds=%d: all workflows are looked at", (expected - now).total_seconds()
    )
    Lease.objects.filter(next_due_at__gt=now).update(next_due_at=now)
