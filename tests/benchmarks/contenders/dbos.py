"""DBOS: one durable workflow a run, with the outside call as its one step."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.contenders.base import Contender
from tests.benchmarks.contenders.jobs import fill_by, publisher_of
from tests.benchmarks.contenders.peers import lack_of_peers
from tests.benchmarks.database import Server
from tests.benchmarks.loads import Load
from tests.benchmarks.programs import Program, python

_MODULE = "tests.benchmarks.workers.dbos"


@dataclass(frozen=True)
class Dbos(Contender):
    """So many workflows at once in each worker process, in threads or in its loop."""

    concurrency: int
    polling_seconds: float
    style: str = "threads"

    key = "dbos"
    gate = "dbos.workflow_status"
    left = "SELECT count(*) FROM dbos.workflow_status WHERE status <> 'SUCCESS'"

    @property
    def name(self) -> str:  # type: ignore[override]
        polled = f"polled each {self.polling_seconds * 1000:g} ms"
        return f"DBOS, {self.concurrency} at once, {self.style}, {polled}"

    def why_not(self) -> str:
        return lack_of_peers()

    def fill(self, server: Server, database: str, load: Load, first: int = 0) -> None:
        fill_by(self._command(server, database, "fill", *self._settings()), load, first)

    def worker(self, server: Server, database: str) -> Program:
        return Program(self._command(server, database, "work", *self._settings()))

    def publisher(self, server: Server, database: str, rate: float, events: int) -> Program:
        command = self._command(server, database, "publish", *self._settings())
        return publisher_of(command, rate, events)

    def _settings(self) -> list[str]:
        return [str(self.concurrency), str(self.polling_seconds), self.style]

    def _command(self, server: Server, database: str, *arguments: str) -> list[str]:
        return python("-m", _MODULE, server.url(database), *arguments, of_peers=True)
