"""Whoever has settings at several of them: each peer takes part in the other parts at its best."""

from __future__ import annotations

import statistics
from typing import Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import BEST, SETTINGS
from tests.benchmarks.loads import Load
from tests.benchmarks.parts.comparison import Comparison, Lane


class Settings(Comparison):
    """Finds the best setting of each peer and lets the rest of the run use it."""

    def __init__(self, events: int = 1600, rounds: int = 3) -> None:
        self._events = events
        title = "Settings, of which each peer's best is measured"
        super().__init__("settings", title, self._lanes, rounds=rounds, reference="")

    def run(self, bench: Bench) -> dict[str, Any]:
        found = super().run(bench)
        medians = {
            lane["id"]: statistics.median(one["events_a_second"] for one in lane["rounds"])
            for lane in found["lanes"]
            if lane["rounds"] and not lane["failed"]
        }
        best = []
        for usual in BEST:
            tried = [one for one in SETTINGS if one.key == usual.key and one.name in medians]
            best.append(max(tried, key=lambda one: medians[one.name], default=usual))
        bench.peers = best
        found["best"] = {one.key: one.name for one in best}
        return found

    def _lanes(self, bench: Bench) -> list[Lane]:
        load = Load(bench.events(self._events, 16))
        return [Lane(one.name, one, load, 2) for one in bench.able(SETTINGS)]
