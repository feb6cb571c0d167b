"""Telling workers of every job that may begin, so that none waits for a poll.

The queue tells its workers of new jobs; two kinds slip through. One that comes while another job of
its workflow runs can't be taken then: the rest of a deep backlog between two slices, or an event
that arrives just as a slice ends. And the queue's worker forgets what it was told while it looked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

from procrastinate.jobs import Job, Notification, Status
from procrastinate.manager import JobManager, NotificationCallback, get_channel_for_queues

#: How long a worker that leaves jobs to others waits before it takes one all the same.
_OTHERS_FIRST_SECONDS = 0.05

_TELL = """
    SELECT pg_notify(%(channel)s, %(payload)s)
     WHERE EXISTS (SELECT FROM procrastinate_jobs WHERE lock = %(lock)s AND status = 'todo')
"""


class TellingJobManager(JobManager):
    """A JobManager for one worker, which overlooks no job that it was told of."""

    _told = 0

    def __init__(
        self,
        connector: Any,
        *,
        heard: Callable[[], None] = lambda: None,
        leaves_jobs: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(connector)
        self._heard = heard
        self._leaves_jobs = leaves_jobs

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        async def hear(*, channel: str, notification: Notification) -> None:
            self._told += 1
            # It may be for a workflow that is held here, whose new job can't begin.
            self._heard()
            await on_notification(channel=channel, notification=notification)

        await super().listen_for_jobs(on_notification=hear, queues=queues)

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
