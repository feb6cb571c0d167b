"""Worker processes that are killed and replaced, and what they take of the machine."""

from __future__ import annotations

import random
from pathlib import Path

import psutil
from django.db import connection

from tests.crash.workers import Worker

LANES_AT_ONCE = 8
BREAKER_AFTER_UNKNOWNS = 5
CALL_TIMEOUT_SECONDS = 2.0
#: Pauses long enough to decide in, and short enough for several trials of a breaker in an outage.
_POLICY = {
    "lanes_at_once": LANES_AT_ONCE,
    "breaker_after_unknowns": BREAKER_AFTER_UNKNOWNS,
    "call_timeout_seconds": CALL_TIMEOUT_SECONDS,
    "backoff_initial_seconds": 1,
    "backoff_max_seconds": 30,
}


class Crew:
    """So many workers at a time."""

    def __init__(
        self, logs: Path, address: str, slugs: list[str], number: int, chance: random.Random
    ) -> None:
        self.kills = 0
        #: Resident memory of the workers that were alive at each kill, the largest first.
        self.megabytes: list[int] = []
        #: Connections to the database at the same times, ours included.
        self.connections: list[int] = []
        self._logs = logs
        self._address = address
        self._slugs = slugs
        self._number = number
        self._chance = chance
        self._started = 0
        self._workers: list[Worker] = []

    def start(self) -> None:
        while len(self._workers) < self._number:
            self._started += 1
            log = self._logs / f"worker-{self._started}.log"
            self._workers.append(Worker(log, slugs=self._slugs, address=self._address, **_POLICY))

    def replace_one(self) -> None:
        """Kill a worker at whatever it is, and start another."""
        self.measure()
        worker = self._workers.pop(self._chance.randrange(len(self._workers)))
        worker.kill()
        worker.close()
        self.kills += 1
        self.start()

    def measure(self) -> None:
        """Note what the workers and their connections take now."""
        sizes = [psutil.Process(worker.pid).memory_info().rss for worker in self._workers]
        self.megabytes.append(max(sizes) // 2**20)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            self.connections.append(cursor.fetchone()[0])

    def close(self) -> None:
        for worker in self._workers:
            worker.close()
