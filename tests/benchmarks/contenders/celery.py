"""Celery with Redis, and a row in PostgreSQL that is written before the call and after it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.contenders.base import Contender
from tests.benchmarks.contenders.jobs import fill_by, publisher_of
from tests.benchmarks.contenders.peers import REDIS, lack_of_peers, lack_of_redis
from tests.benchmarks.database import Server
from tests.benchmarks.loads import Load
from tests.benchmarks.programs import Program, python

_MODULE = "tests.benchmarks.workers.celery"


@dataclass(frozen=True)
class Celery(Contender):
    """So many tasks at once in each worker process, in threads or processes of its own."""

    concurrency: int
    pool: str = "threads"

    keeps_outside = True
    key = "celery"
    gate = "celery_ledger"
    left = "SELECT count(*) FROM celery_ledger WHERE status <> 'applied'"

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"Celery, Redis and a write-ahead row, {self.concurrency} {self.pool}"

    def why_not(self) -> str:
        return lack_of_peers() or lack_of_redis()

    def fill(self, server: Server, database: str, load: Load, first: int = 0) -> None:
        fill_by(self._command(server, database, "fill"), load, first)

    def worker(self, server: Server, database: str) -> Program:
        settings = [self.pool, str(self.concurrency)]
        return Program(self._command(server, database, "work", *settings))

    def publisher(self, server: Server, database: str, rate: float, events: int) -> Program:
        return publisher_of(self._command(server, database, "publish"), rate, events)

    def clear(self, server: Server, database: str) -> None:
        Program(self._command(server, database, "clear")).run()

    def _command(self, server: Server, database: str, *arguments: str) -> list[str]:
        url = server.url(database)
        return python("-m", _MODULE, url, REDIS, database, *arguments, of_peers=True)
