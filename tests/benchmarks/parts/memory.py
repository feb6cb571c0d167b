"""Many events: whether a worker needs more and more memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import calls
from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import OURS
from tests.benchmarks.grounds import FreshCopies
from tests.benchmarks.loads import Load
from tests.benchmarks.parts.base import Part
from tests.benchmarks.programs import Crew
from tests.benchmarks.rounds import FAILURES, RoundFailed, at_work

_LIMIT_SECONDS = 7200.0


@dataclass
class Memory(Part):
    """Takes the size of the workers ten times on their way through many events."""

    key: str = "memory"
    title: str = "Memory of the workers"
    events: int = 100_000
    workflows: int = 16
    workers: int = 2
    kind = "memory"

    def run(self, bench: Bench) -> dict[str, Any]:
        if not bench.able([OURS]):
            return {"workers": self.workers, "rows": []}
        load = Load(bench.events(self.events, self.workflows), self.workflows)
        bench.tell(f"memory: filling {load.events} events")
        ground = FreshCopies(bench.server, OURS, load)
        try:
            ground.lay()
            database = ground.filled
            calls.reset()
            with at_work(bench.server, OURS, database, load, workers=self.workers) as (working, _):
                rows = self._watch(bench, working, load.events)
        except FAILURES as error:
            bench.failed(f"memory: {error}")
            rows = []
        finally:
            ground.leave()
        return {"workers": self.workers, "rows": rows}

    def _watch(self, bench: Bench, working: Crew, events: int) -> list[dict[str, Any]]:
        began, rows = time.monotonic(), []
        for tenth in range(1, 11):
            wanted = events * tenth // 10
            while (done := calls.request("GET", "/count")) < wanted:
                if working.has_ended() or time.monotonic() - began > _LIMIT_SECONDS:
                    raise RoundFailed(f"{done} of {events} events were done.\n{working.said()}")
                time.sleep(0.1)
            sizes = [round(size, 1) for size in working.megabytes()]
            seconds = round(time.monotonic() - began, 1)
            rows.append({"events": done, "seconds": seconds, "megabytes": sizes})
            bench.tell(f"memory: {rows[-1]}")
        return rows
