"""A worker overlooks no job that the queue told it of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from procrastinate import App
from procrastinate.jobs import Notification
from procrastinate.testing import InMemoryConnector

from workflows_app.job_manager import TellingJobManager


class _OneComesMeanwhile(InMemoryConnector):
    """A queue into which a job comes just after a look has found it empty."""

    looks = 0

    async def fetch_job_one(self, queues: Iterable[str] | None, worker_id: int) -> dict[str, Any]:
        found: dict[str, Any] = await super().fetch_job_one(queues=queues, worker_id=worker_id)
        self.looks += 1
        if self.looks == 1:
            await self.comes()
        return found

    async def comes(self) -> None:
        app = App(connector=self)
        await app.configure_task("work", queue="workflows", lock="workflow:1").defer_async()


async def _fetch() -> tuple[Any, int, list[str]]:
    connector = _OneComesMeanwhile()
    await connector.open_async()
    manager = TellingJobManager(connector)
    told: list[str] = []

    async def hear(*, channel: str, notification: Notification) -> None:
        told.append(notification["type"])

    await manager.listen_for_jobs(on_notification=hear, queues=["workflows"])
    worker = await manager.register_worker()
    job = await manager.fetch_job(queues=["workflows"], worker_id=worker)
    assert job is not None
    return job.task_name, connector.looks, told


async def _fetch_of_nothing() -> tuple[Any, int]:
    connector = _OneComesMeanwhile()
    await connector.open_async()
    connector.looks = 1
    manager = TellingJobManager(connector)
    worker = await manager.register_worker()
    return await manager.fetch_job(queues=["workflows"], worker_id=worker), connector.looks


def test_a_job_that_comes_while_the_worker_looks_is_taken_at_once() -> None:
    assert asyncio.run(_fetch()) == ("work", 2, ["job_inserted"])


def test_an_empty_queue_is_looked_at_once() -> None:
    assert asyncio.run(_fetch_of_nothing()) == (None, 2)
