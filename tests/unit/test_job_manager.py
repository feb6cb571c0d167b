"""A worker overlooks no job that the queue told it of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from procrastinate import App
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Notification
from procrastinate.testing import InMemoryConnector

from workflows_app.job_manager import TellingJobManager
from workflows_app.waking import WAKE_CHANNEL


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
    woken: list[int] = []
    manager = TellingJobManager(connector, heard=woken.append)
    told: list[str] = []

    async def hear(*, channel: str, notification: Notification) -> None:
        told.append(notification["type"])

    await manager.listen_for_jobs(on_notification=hear, queues=["workflows"])
    worker = await manager.register_worker()
    job = await manager.fetch_job(queues=["workflows"], worker_id=worker)
    assert job is not None
    assert WAKE_CHANNEL in connector.notify_channels
    assert connector.on_notification is not None
    for payload in ("7", "anything", "1" * 5000):
        await connector.on_notification(channel=WAKE_CHANNEL, payload=payload)
    assert woken == [7]
    return job.task_name, connector.looks, told


class _LosesItsSession(InMemoryConnector):
    """A queue that can't be listened to at first."""

    tries = 0

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        self.tries += 1
        if self.tries == 1:
            raise ConnectorException("too many clients")
        await super().listen_notify(on_notification, channels)


async def _listen() -> list[str]:
    connector = _LosesItsSession()
    told: list[str] = []
    manager = TellingJobManager(connector)

    async def hear(*, channel: str, notification: Notification) -> None:
        told.append(notification["type"])

    await manager.listen_for_jobs(on_notification=hear, queues=["workflows"])
    assert connector.on_notification is not None
    queue, _ = connector.notify_channels
    for payload in ("", "anything", "[]", "[" * 7000, '{"type": "job_inserted", "job_id": 1}'):
        await connector.on_notification(channel=queue, payload=payload)
    return told


def test_a_worker_is_not_deaf_after_an_error_or_after_what_it_does_not_understand() -> None:
    assert asyncio.run(_listen()) == ["job_inserted"]


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
