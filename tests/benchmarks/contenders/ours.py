"""This project: workflows through the real `run_worker`, with full history."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.contenders.base import Contender
from tests.benchmarks.contenders.django_template import with_workflows
from tests.benchmarks.database import Server
from tests.benchmarks.loads import HELD_LANE, Load
from tests.benchmarks.programs import Program, manage, python


@dataclass(frozen=True)
class Ours(Contender):
    """So many calls under way at once in each worker process."""

    concurrency: int

    key = "ours"
    gate = "workflows_app_lease"
    #: By partial indexes: a long past costs nothing here either.
    left = (
        "SELECT (SELECT count(*) FROM workflows_app_event WHERE status = 'pending'"
        f"     AND lane NOT LIKE '{HELD_LANE}%')"
        " + (SELECT count(*) FROM workflows_app_event WHERE reserved_by_id IS NOT NULL)"
        " + (SELECT count(*) FROM workflows_app_run"
        "     WHERE status IN ('active', 'reconciling', 'blocked'))"
    )

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"workflow operations, full history, {self.concurrency} at once"

    def template(self, server: Server, load: Load) -> str:
        return with_workflows(server, load.workflows)

    def fill(self, server: Server, database: str, load: Load, first: int = 0) -> None:
        numbers = [load.events, load.payload_bytes, load.lanes, first]
        command = python("-m", "tests.benchmarks.ours.fill", "events", *map(str, numbers))
        Program(command, server.environment(database) | load.environment()).run()

    def worker(self, server: Server, database: str) -> Program:
        command = manage("run_worker", "--concurrency", str(self.concurrency))
        return Program(command, server.environment(database))

    def publisher(self, server: Server, database: str, rate: float, events: int) -> Program:
        command = python("-m", "tests.benchmarks.ours.publish", str(rate), str(events))
        return Program(command, server.environment(database))
