"""Celery with Redis: a task a run, with a row in PostgreSQL before the call and after it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from typing import Any

import celery
import psycopg
import redis

from tests.benchmarks.calls import make_effects
from tests.benchmarks.workers.publishing import evenly

_URL, _REDIS, _PREFIX, _ROLE = sys.argv[1:5]
_TABLE = (
    "CREATE TABLE IF NOT EXISTS celery_ledger"
    " (id bigserial PRIMARY KEY, names jsonb, status text, result jsonb, at timestamptz)"
)
app = celery.Celery("bench", broker=_REDIS)
app.conf.update(
    broker_transport_options={"global_keyprefix": f"{_PREFIX}:"},
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=4,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
#: Places for connections: more calls may be under way than the server takes sessions.
_places: LifoQueue[psycopg.Connection[Any] | None] = LifoQueue()
for _ in range(16):
    _places.put(None)


@contextmanager
def _database() -> Iterator[psycopg.Connection[Any]]:
    connection = _places.get() or psycopg.connect(_URL, autocommit=True)
    try:
        yield connection
    finally:
        _places.put(connection)


@app.task(name="effects")
def effects(names: list[str], payload: Any) -> None:
    """Write ahead, call, write what came of it: two commits."""
    with _database() as database:
        row = database.execute(
            "INSERT INTO celery_ledger (names, status, at) VALUES (%s, 'in_flight', now())"
            " RETURNING id",
            (json.dumps(names),),
        ).fetchone()
    result = make_effects(names)
    with _database() as database:
        database.execute(
            "UPDATE celery_ledger SET status = 'applied', result = %s WHERE id = %s",
            (json.dumps(result), row[0]),  # type: ignore[index]
        )


def fill(file: str) -> None:
    with _database() as database:
        database.execute(_TABLE)
    with app.producer_pool.acquire() as producer:
        for job in json.loads(Path(file).read_text()):
            effects.apply_async((job["names"], job["payload"]), producer=producer)


def publish(rate: str, events: str) -> None:
    for name, committed in evenly(float(rate), int(events)):
        effects.apply_async(([name], None))
        committed()


def work(pool: str, concurrency: str) -> None:
    who = [f"--hostname=bench{os.getpid()}@%h", "--loglevel=ERROR"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["worker", f"--pool={pool}", f"--concurrency={concurrency}", *who, *quiet])


def clear() -> None:
    store = redis.Redis.from_url(_REDIS)
    for key in store.scan_iter(match=f"{_PREFIX}:*", count=1000):
        store.delete(key)


if __name__ == "__main__":
    roles = {"fill": fill, "publish": publish, "work": work, "clear": clear}
    roles[_ROLE](*sys.argv[5:])
