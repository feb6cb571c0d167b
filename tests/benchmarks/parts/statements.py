"""How many statements an event takes, in a round of its own: counting them takes time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.counters import StatementCount
from tests.benchmarks.grounds import usual
from tests.benchmarks.loads import Load
from tests.benchmarks.parts.base import Part
from tests.benchmarks.rounds import FAILURES, measure


@dataclass
class Statements(Part):
    """Counts those of each contender, once."""

    key: str = "statements"
    title: str = "Statements"
    events: int = 320
    workflows: int = 16
    workers: int = 2
    kind = "statements"

    def run(self, bench: Bench) -> dict[str, Any]:
        load = Load(bench.events(self.events, self.workflows), self.workflows)
        rows = []
        for contender in bench.contenders():
            ground = usual(bench.server, contender, load)
            try:
                ground.lay()
                database = ground.begin()
                count = StatementCount(bench.server, database)
                measured = measure(bench.server, contender, database, load, workers=self.workers)
                total = count.so_far()
                ground.end(database)
            except FAILURES as error:
                bench.failed(f"statements: {error}")
                continue
            finally:
                ground.leave()
            row = {
                "contender": contender.key,
                "name": contender.name,
                "statements": None if total is None else round(total / load.events, 2),
                "commits": round(measured.commits, 2),
            }
            bench.tell(f"statements: {row}")
            rows.append(row)
        return {"workers": self.workers, "events": load.events, "rows": rows}
