"""Contenders and loads side by side: their rounds in turn, so that all have the same machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import Contender
from tests.benchmarks.grounds import Ground, usual
from tests.benchmarks.loads import Load
from tests.benchmarks.parts.base import Part
from tests.benchmarks.rounds import FAILURES, Measured, measure


@dataclass
class Lane:
    """One contender with one load and so many workers; `note` tells it from others of its part."""

    id: str
    contender: Contender
    load: Load
    workers: int
    note: str = ""
    ground: Ground | None = None

    @property
    def name(self) -> str:
        return f"{self.contender.name}{f', {self.note}' if self.note else ''}"


@dataclass
class Comparison(Part):
    """Measures some lanes; ratios are to the lane `reference`, or to the first."""

    key: str
    title: str
    lanes_of: Callable[[Bench], Sequence[Lane]]
    rounds: int = 3
    reference: str = "floor"
    kind = "comparison"

    def run(self, bench: Bench) -> dict[str, Any]:
        lanes = list(self.lanes_of(bench))
        found: dict[str, list[Measured]] = {lane.id: [] for lane in lanes}
        failed: dict[str, str] = {}
        about: dict[str, dict[str, Any]] = {}
        with contextlib.ExitStack() as closing:
            for lane in lanes:
                ground = lane.ground or usual(bench.server, lane.contender, lane.load)
                lane.ground = ground
                bench.tell(f"{self.key}: {lane.name}: filling")
                with _failing(bench, lane, failed):
                    ground.lay()
                    closing.callback(ground.leave)
                    about[lane.id] = ground.about()
            for number in range(bench.rounds or self.rounds):
                for lane in lanes:
                    if lane.id not in failed:
                        with _failing(bench, lane, failed):
                            found[lane.id].append(self._round(bench, lane, number))
        return {
            "reference": self.reference if self.reference in found else next(iter(found), ""),
            "lanes": [
                {
                    "id": lane.id,
                    "name": lane.name,
                    "contender": lane.contender.key,
                    "load": asdict(lane.load),
                    "workers": lane.workers,
                    "rounds": [asdict(one) for one in found[lane.id]],
                    "failed": failed.get(lane.id, ""),
                    **about.get(lane.id, {}),
                }
                for lane in lanes
            ],
        }

    def _round(self, bench: Bench, lane: Lane, number: int) -> Measured:
        assert lane.ground is not None
        database = lane.ground.begin()
        try:
            measured = measure(
                bench.server, lane.contender, database, lane.load, workers=lane.workers
            )
        finally:
            lane.ground.end(database)
        rate = f"{measured.events_a_second:.0f}/s"
        bench.tell(f"{self.key}: round {number + 1}: {lane.name}: {rate}")
        return measured


@contextlib.contextmanager
def _failing(bench: Bench, lane: Lane, failed: dict[str, str]) -> Any:
    """Let the others go on if this one fails: the run ends with an error all the same."""
    try:
        yield
    except FAILURES as error:
        failed[lane.id] = str(error)
        bench.failed(f"{lane.name}: {error}")
