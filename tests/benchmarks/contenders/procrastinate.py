"""Procrastinate alone: one job a run, no ledger and no history."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.contenders.base import Contender
from tests.benchmarks.contenders.jobs import fill_by, publisher_of
from tests.benchmarks.database import Server
from tests.benchmarks.loads import Load
from tests.benchmarks.programs import Program, python

_MODULE = "tests.benchmarks.workers.procrastinate"


@dataclass(frozen=True)
class Procrastinate(Contender):
    """So many jobs at once in each worker process."""

    concurrency: int

    key = "procrastinate"
    gate = "procrastinate_jobs"
    left = "SELECT count(*) FROM procrastinate_jobs"

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"Procrastinate alone, {self.concurrency} at once"

    def fill(self, server: Server, database: str, load: Load, first: int = 0) -> None:
        fill_by(python("-m", _MODULE, server.url(database), "fill"), load, first)

    def worker(self, server: Server, database: str) -> Program:
        settings = str(self.concurrency)
        return Program(python("-m", _MODULE, server.url(database), "work", settings))

    def publisher(self, server: Server, database: str, rate: float, events: int) -> Program:
        return publisher_of(python("-m", _MODULE, server.url(database), "publish"), rate, events)
