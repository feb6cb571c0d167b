"""Telling workers of every job that may begin, so that none waits for a poll.

The queue tells its workers of new jobs; two kinds slip through. One that comes while another job of
its workflow runs can't be taken then: the rest of a deep backlog between two slices, or an event
that arrives just as a slice ends. And the queue's worker forgets what it was told while it looked.

The queue's worker also does not notice when its listening ends by an error, and would be deaf from then on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from procrastinate.connector import LISTEN_TIMEOUT, Notify
from procrastinate.jobs import Job, Notification, Status
from procrastinate.manager import JobManager, NotificationCallback, get_channel_for_queues
from procrastinate.psycopg_connector import PsycopgConnector

from workflows_app.outages import pauses, said_by_driver, watch
from workflows_app.waking import WAKE_CHANNEL

logger = logging.getLogger("workflows_app")

#: How long a worker that leaves jobs to others waits before it takes one all the same.
_OTHERS_FIRST_SECONDS = 0.05
#: How long a worker that can't listen waits before it tries again; it doubles each time.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8.0
#: What a worker tells itself when it begins to listen: what was told before, nobody has heard.
_LISTENS = "listens"
#: The most digits that the number of a workflow has.
_DIGITS = 19

_TELL = """
    SELECT pg_notify(%(channel)s, %(payload)s)
     WHERE EXISTS (SELECT FROM procrastinate_jobs WHERE lock = %(lock)s AND status = 'todo')
"""


class ListeningConnector(PsycopgConnector):
    """Says when it begins to listen, at first and after each loss of its session."""

    async def _loop_notify(
        self, on_notification: Notify, connection: Any, timeout: float = LISTEN_TIMEOUT
    ) -> None:
        await on_notification(channel=WAKE_CHANNEL, payload=_LISTENS)
        await super()._loop_notify(on_notification, connection, timeout)


class TellingJobManager(JobManager):
    """A JobManager for one worker, which overlooks no job that it was told of."""

    _told = 0

    def __init__(
        self,
        connector: Any,
        *,
        heard: Callable[[int], None] = lambda workflow_id: None,
        leaves_jobs: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(connector)
        self._heard = heard
        self._leaves_jobs = leaves_jobs

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Tell of what is heard. Whatever ends a session that listens, another one listens before long."""

        async def hear(*, channel: str, payload: str) -> None:
            try:
                await self._hear(channel, payload, channels[0], on_notification)
            except Exception as error:
                # Anybody who has the database can say anything.
                logger.debug("worker.not_understood channel=%s error=%s", channel, error)

        channels = [*get_channel_for_queues(queues), WAKE_CHANNEL]
        delays = pauses(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        while True:
            began = time.monotonic()
            try:
                return await self.connector.listen_notify(on_notification=hear, channels=channels)
            except Exception as error:
                if not watch.saw(error):
                    logger.warning("worker.not_listening error=%s", said_by_driver(error))
            if time.monotonic() - began > _LONGEST_PAUSE_SECONDS:
                delays = pauses(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(next(delays))

    async def _hear(
        self, channel: str, payload: str, queue: str, on_notification: NotificationCallback
    ) -> None:
        notification: Notification = {"type": "job_inserted", "job_id": 0}
        if channel != WAKE_CHANNEL:
            notification = json.loads(payload)
        elif payload != _LISTENS:
            # It may be held here: then its job can't begin.
            if payload.isdecimal() and len(payload) <= _DIGITS:
                self._heard(int(payload))
            return
        self._told += 1
        await on_notification(channel=queue, notification=notification)

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take a job; look again as long as one was told of during the look that found none.

        A worker that has given work to others lets them come first.
        """
        if self._leaves_jobs():
            await asyncio.sleep(_OTHERS_FIRST_SECONDS)
        while True:
            told = self._told
            job = await super().fetch_job(queues=queues, worker_id=worker_id)
            if job is not None or told == self._told:
                return job

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End the job, and tell workers if another one waited for its lock."""
        await super().finish_job(job, status, delete_job)
        if job.lock is None:
            return
        (channel,) = get_channel_for_queues([job.queue])
        payload = json.dumps({"type": "job_inserted", "job_id": job.id})
        await self.connector.execute_query_async(
            _TELL, channel=channel, payload=payload, lock=job.lock
        )
