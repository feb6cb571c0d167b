"""DBOS: a queue of workflows, each with one step that makes the outside call.

`work` takes so many at once, as threads or as coroutines of its loop, and looks into the queue
at an interval.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import sqlalchemy
from dbos import DBOS, DBOSClient, DBOSConfig

from tests.benchmarks.calls import make_effects
from tests.benchmarks.workers.publishing import evenly

_QUEUE = "effects"
#: Its own default; four workers with more would be too many for the server's.
_CONNECTIONS = 20
_URL, _ROLE, _CONCURRENCY, _POLLING, _STYLE = sys.argv[1:6]
_ADDRESS = _URL.replace("postgresql:", "postgresql+psycopg:", 1)


@DBOS.step()
def call(names: list[str]) -> Any:
    return make_effects(names)


@DBOS.workflow(name="in threads")
def run_in_threads(names: list[str], payload: Any) -> None:
    call(names)


@DBOS.workflow(name="in a loop")
async def run_in_loop(names: list[str], payload: Any) -> None:
    await DBOS.run_step_async(None, make_effects, names)


def start() -> None:
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": _ADDRESS,
        "application_version": "1",
        "sys_db_pool_size": _CONNECTIONS,
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue(
        _QUEUE, worker_concurrency=int(_CONCURRENCY), polling_interval_sec=float(_POLLING)
    )


def options() -> Any:
    name = "in threads" if _STYLE == "threads" else "in a loop"
    return {"workflow_name": name, "queue_name": _QUEUE, "application_name": "bench"}


def fill(file: str) -> None:
    start()
    DBOS.destroy()
    client = DBOSClient(system_database_url=_ADDRESS)
    engine = sqlalchemy.create_engine(_ADDRESS)
    with engine.begin() as connection:
        # It was looked into for a moment.
        for job in json.loads(Path(file).read_text()):
            client.enqueue_in_transaction(connection, options(), job["names"], job["payload"])
    client.destroy()


def publish(rate: str, events: str) -> None:
    client = DBOSClient(system_database_url=_ADDRESS)
    for name, committed in evenly(float(rate), int(events)):
        client.enqueue(options(), [name], None)
        committed()
    client.destroy()


def work() -> None:
    told_to_stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told_to_stop.set())
    start()
    told_to_stop.wait()
    DBOS.destroy(workflow_completion_timeout_sec=20)


if __name__ == "__main__":
    {"fill": fill, "publish": publish, "work": work}[_ROLE](*sys.argv[6:])
