"""`manage.py run_worker`: advance workflows until told to stop. Run as many as you like."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import psycopg
from asgiref.sync import sync_to_async
from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, OperationalError
from procrastinate import App
from procrastinate.contrib.django import app, connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.signals import on_stop
from psycopg_pool import AsyncConnectionPool

from workflows_app.alerts.watching import telling_people
from workflows_app.conf import policy
from workflows_app.database import database_problems
from workflows_app.dispatch import crowd, hosted_by, others_wait
from workflows_app.engine.hosting import ThreadedHost
from workflows_app.job_manager import ListeningConnector, TellingJobManager
from workflows_app.management import command
from workflows_app.management.sessions import notice_end, own_sessions
from workflows_app.outages import ToldOnce, pauses, said_by_driver, watch
from workflows_app.poolers import is_behind_pooler
from workflows_app.secrets import names_of_missing_ones
from workflows_app.sweeping import sweeping
from workflows_app.waking import QUEUE, SESSION_NAME

logger = logging.getLogger("workflows_app")

#: How long a worker that lost the database waits before it looks for it again; it doubles each time.
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
#: How long the queue waits for a connection.
_POOL_SECONDS = 10.0
#: How long a session of the queue sleeps at most while the server says nothing.
_SLEEP_SECONDS = 5.0
#: Each call under way takes a thread.
_MOST_AT_ONCE = 10_000
#: For how long a workflow stays claimed in which nothing is to be done any more: what comes soon after begins at once.
_LINGER_SECONDS = 2.0
#: How often one that ends when idle looks whether a job still waits for another one's lock.
_IDLE_LOOK_SECONDS = 0.2
#: Who says many times, with tracebacks, that the database is away.
_LOUD_LIBRARIES = (
    "asyncio",
    "django.db.backends.base",
    "procrastinate.utils",
    "procrastinate.worker",
    "procrastinate.worker.worker",
    "psycopg",
    "psycopg.pool",
)


class Command(command.Command):
    help = (
        "Advance workflows until SIGTERM or Ctrl-C. What is under way is finished first; what a "
        "killed worker leaves behind is recovered by another."
    )

    if_away = if_interrupted = "What is left to do is still there."
    statement_limit = "worker_statement_seconds"
    answers_signals = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--concurrency",
            type=int,
            default=64,
            help="outside calls under way at once (default: 64)",
        )
        parser.add_argument(
            "--until-idle", action="store_true", help="stop when no job is waiting in the queue"
        )

    def handle(self, *, concurrency: int, until_idle: bool, **options: Any) -> None:
        if not 1 <= concurrency <= _MOST_AT_ONCE:
            self.stderr.write(f"--concurrency must be between 1 and {_MOST_AT_ONCE:,}.")
            raise SystemExit(2)
        _collect_less_often()
        for name in names_of_missing_ones():
            logger.warning("secret.missing name=%s: no call that needs it is sent", name)
        with own_sessions(), told_once(), telling_people():
            has_given_up = asyncio.run(_work(concurrency=concurrency, wait=not until_idle))
        if has_given_up:
            raise SystemExit(1)


def _collect_less_often() -> None:
    """Spare the garbage collector what stays for good: a turn makes hundreds of objects, and few cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


@contextlib.contextmanager
def closing(host: ThreadedHost) -> Iterator[None]:
    """End the host with the block; what hangs is not waited for twice."""
    try:
        yield
    finally:
        host.stop(within_seconds=0.0)


@contextlib.contextmanager
def told_once() -> Iterator[None]:
    """Leave it to the watch to say that the database is away, and that it is back."""
    filters: list[tuple[logging.Logger, logging.Filter]] = [
        *((logging.getLogger(name), ToldOnce()) for name in _LOUD_LIBRARIES),
        (logging.getLogger("asyncio"), _InOneLine()),
    ]
    for library, filter in filters:
        library.addFilter(filter)
    try:
        yield
    finally:
        # A job of the queue whose end could not be written says so when it is collected, which may be at the
        # very end of the process.
        gc.collect()
        for library, filter in filters:
            library.removeFilter(filter)


class _InOneLine(logging.Filter):
    """What the queue could not write about a job is no fault: after an outage others have ended it."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, ConnectorException):
            record.msg, record.args = "job.not_ended error=%s", (error.__cause__ or error,)
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = None
        return True


async def _work(*, concurrency: int, wait: bool) -> bool:
    """Work until told to stop, whatever happens to the database; without `wait`, until idle.

    Return whether the host has given up, as too many of its threads hang.
    """
    told_to_stop, gave_up = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def give_up() -> None:
        for event in (gave_up, told_to_stop):
            loop.call_soon_threadsafe(event.set)

    host = ThreadedHost(at_once=concurrency, others_wait=others_wait, crowd=crowd, give_up=give_up)
    host.start()
    with on_stop(told_to_stop.set), hosted_by(host), closing(host):
        delays = pauses(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        while True:
            began = time.monotonic()
            try:
                await _work_while_connected(host, told_to_stop, concurrency, wait=wait)
            except (ConnectorException, OperationalError, psycopg.OperationalError) as error:
                if not wait:
                    raise
                if not watch.saw(error):
                    if await sync_to_async(command.lacks_migrations)(error):
                        raise
                    logger.error("worker.interrupted error=%s", said_by_driver(error))
            if told_to_stop.is_set() or not wait:
                return gave_up.is_set()
            # The queue's worker ends by itself when it loses the database.
            if time.monotonic() - began > _LONGEST_PAUSE_SECONDS:
                delays = pauses(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told_to_stop.wait(), next(delays))


def _require_fit_database() -> None:
    """Raise CommandError if the host could not rely on the database: see `workflows_app.database`."""
    for problem in database_problems():
        raise CommandError(f"{problem.msg} {problem.hint}")


async def _autocommit(connection: psycopg.AsyncConnection[Any]) -> None:
    """Let each of the queue's statements be a transaction: BEGIN and COMMIT would be two more."""
    await connection.set_autocommit(True)


class PatientConnection(psycopg.AsyncConnection[Any]):
    """Sleeps until the server says something: psycopg's own looks ten times a second for a Ctrl-C.

    In an event loop that comes by itself.
    """

    async def wait(
        self, gen: Any, interval: float = _SLEEP_SECONDS, timeout: float | None = None
    ) -> Any:
        return await super().wait(gen, interval, timeout)


def _pool(**options: Any) -> AsyncConnectionPool:
    own = {"check": still_there, "connection_class": PatientConnection}
    return AsyncConnectionPool(**(options | own))


async def still_there(connection: psycopg.AsyncConnection[Any]) -> None:
    """See that the server has ended a session before it is used. Raises OperationalError.

    The queue's own check is a statement before each statement.
    """
    notice_end(connection)


async def _work_while_connected(
    host: ThreadedHost, told_to_stop: asyncio.Event, concurrency: int, *, wait: bool
) -> None:
    limits = policy()
    params = {**connector_params(DEFAULT_DB_ALIAS), "application_name": SESSION_NAME}
    # The pool would keep trying, and say so each time.
    async with await psycopg.AsyncConnection.connect(**params) as first:
        has_pooler = await is_behind_pooler(first)
    await sync_to_async(_require_fit_database)()
    if has_pooler:
        params["prepare_threshold"] = None
        logger.warning("worker.behind_pooler looks_every_seconds=%g", limits.poll_seconds)
    host.linger_seconds = _LINGER_SECONDS if wait and not has_pooler else 0.0
    connector = ListeningConnector(
        kwargs=params, configure=_autocommit, pool_factory=_pool, timeout=_POOL_SECONDS
    )
    with app.replace_connector(connector) as worker_app:
        worker_app.job_manager = TellingJobManager(
            worker_app.connector, heard=host.look, leaves_jobs=host.leaves_jobs
        )
        async with worker_app.open_async(), sweeping(worker_app):
            while True:
                worker = worker_app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=concurrency,
                    wait=wait,
                    install_signal_handlers=False,
                    listen_notify=not has_pooler,
                    delete_jobs="successful",
                    fetch_job_polling_interval=_looks_every_seconds(has_pooler=has_pooler),
                    update_heartbeat_interval=limits.heartbeat_seconds,
                    stalled_worker_timeout=limits.stalled_after_seconds,
                )
                await _until_stopped(worker, host, told_to_stop)
                # The queue's worker also ends while a job only waits for the lock of another, as
                # the rest of a workflow's work does for the slice before it.
                if wait or told_to_stop.is_set() or await _is_idle(worker_app):
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(told_to_stop.wait(), _IDLE_LOOK_SECONDS)


def _looks_every_seconds(*, has_pooler: bool) -> float:
    """Return how often the queue is looked into though it said nothing.

    Where it can be heard, each sweep of all workers makes it say something. To look as often would be to look twice.
    """
    return policy().poll_seconds * (1 if has_pooler else 2)


async def _until_stopped(
    working: Coroutine[Any, Any, None], host: ThreadedHost, told_to_stop: asyncio.Event
) -> None:
    """Let the queue's worker work until it ends or is told to stop."""
    worker = asyncio.create_task(working)
    stop = asyncio.create_task(told_to_stop.wait())
    await asyncio.wait({worker, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    # It takes no more jobs. Those that it has end as the host gives their workflows back.
    worker.cancel()
    if told_to_stop.is_set():
        await asyncio.to_thread(host.stop, within_seconds=policy().stop_seconds)
    with contextlib.suppress(asyncio.CancelledError):
        await worker


async def _is_idle(worker_app: App) -> bool:
    """Tell whether no job is waiting in the queue."""
    return not list(await worker_app.job_manager.list_jobs_async(queue=QUEUE, status="todo"))
