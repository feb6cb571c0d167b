"""Nothing to do: what workers cost that only wait, with few workflows and with many."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import OURS
from tests.benchmarks.counters import StatementCount, counters
from tests.benchmarks.loads import Load
from tests.benchmarks.parts.base import Part
from tests.benchmarks.programs import crew
from tests.benchmarks.rounds import FAILURES, RoundFailed, wait_until_at_rest

_BEGIN_SECONDS = 120.0


@dataclass
class Idle(Part):
    """Watches workers with nothing due for a while, for each number of workflows."""

    key: str = "idle"
    title: str = "Nothing due: what waiting costs"
    workflows: Sequence[int] = (10, 10_000)
    seconds: float = 60.0
    workers: int = 2
    kind = "idle"

    def run(self, bench: Bench) -> dict[str, Any]:
        rows = []
        for number in self.workflows if bench.able([OURS]) else ():
            bench.tell(f"idle: {number} workflows")
            try:
                rows.append(self._measure(bench, max(1, number // bench.divide)))
            except FAILURES as error:
                bench.failed(f"idle: {error}")
        return {"workers": self.workers, "rows": rows}

    def _measure(self, bench: Bench, number: int) -> dict[str, Any]:
        server, load = bench.server, Load(0, number)
        seconds = max(10.0, self.seconds / bench.divide)
        database = server.create("idle", template=OURS.template(server, load))
        try:
            statements = StatementCount(server, database)
            program = OURS.worker(server, database)
            program.environment.update(load.environment())
            with crew(program, self.workers) as working:
                self._wait_until_begun(bench, database)
                wait_until_at_rest(OURS, working, seconds=10.0)
                statements.restart()
                before = counters(server, database)
                cpu = [sum(working.cpu_seconds()), _sessions_cpu(server.sessions(database))]
                began = time.monotonic()
                time.sleep(seconds)
                took = time.monotonic() - began
                cpu_now = [sum(working.cpu_seconds()), _sessions_cpu(server.sessions(database))]
                counted = statements.so_far()
                commits = counters(server, database).since(before).commits
        finally:
            server.drop(database)
        row = {
            "workflows": number,
            "seconds": round(took, 1),
            "statements_a_second": None if counted is None else round(counted / took, 2),
            "commits_a_second": round(commits / took, 2),
            "workers_cpu_percent": round((cpu_now[0] - cpu[0]) / took * 100, 2),
            "sessions_cpu_percent": round((cpu_now[1] - cpu[1]) / took * 100, 2),
        }
        bench.tell(f"idle: {row}")
        return row

    def _wait_until_begun(self, bench: Bench, database: str) -> None:
        """Wait until each worker has a place in the queue: on a busy machine that it begins looks like rest."""
        deadline = time.monotonic() + _BEGIN_SECONDS
        with bench.server.connect(database) as connection:
            number = 0
            while number < self.workers:
                if time.monotonic() > deadline:
                    raise RoundFailed(f"{number} of {self.workers} workers began.")
                time.sleep(0.5)
                row = connection.execute("SELECT count(*) FROM procrastinate_workers").fetchone()
                number = row[0] if row else 0


def _sessions_cpu(pids: list[int]) -> float:
    """Return the processor time of the server's sessions; none of a server elsewhere is seen."""
    seconds = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process = psutil.Process(pid)
            if "postgres" in process.name():
                times = process.cpu_times()
                seconds += times.user + times.system
    return seconds
