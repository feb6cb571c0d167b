"""Publishing many events at once: by code, and by the command from a file."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import OURS
from tests.benchmarks.loads import Load
from tests.benchmarks.parts.base import Part
from tests.benchmarks.programs import Program, python
from tests.benchmarks.rounds import FAILURES


@dataclass
class Publishing(Part):
    """Publishes so many events in each way, to one workflow, a lane an event."""

    key: str = "publishing"
    title: str = "Publishing many events"
    events: int = 20_000
    rounds: int = 3
    kind = "publishing"

    def run(self, bench: Bench) -> dict[str, Any]:
        events = bench.events(self.events)
        found: dict[str, list[float]] = {}
        for _ in range(bench.rounds or self.rounds) if bench.able([OURS]) else ():
            try:
                for name, seconds in self._round(bench, events).items():
                    found.setdefault(name, []).append(events / seconds)
            except FAILURES as error:
                bench.failed(f"publishing: {error}")
        rows = [
            {"name": name, "events": events, "events_a_second": round(statistics.median(rates), 1)}
            for name, rates in found.items()
        ]
        bench.tell(f"publishing: {rows}")
        return {"rows": rows}

    def _round(self, bench: Bench, events: int) -> dict[str, float]:
        server, load = bench.server, Load(events, workflows=1, lanes=events)
        database = server.create("publishing", template=OURS.template(server, load))
        try:
            command = python("-m", "tests.benchmarks.ours.publish_many", str(events))
            environment = server.environment(database) | load.environment()
            seconds: dict[str, float] = json.loads(Program(command, environment).run())
            return seconds
        finally:
            server.drop(database)
