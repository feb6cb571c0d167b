"""The results of a run: JSON in a file, and questions that goals and tables ask of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Results:
    """All that was measured, part by part."""

    machine: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> Results:
        kept = json.loads(file.read_text())
        return cls(kept["machine"], kept["parts"], kept["left_out"])

    def write(self, file: Path, **more: Any) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = {
            "machine": self.machine,
            "left_out": self.left_out,
            "parts": self.parts,
            **more,
        }
        file.write_text(json.dumps(kept, indent=2) + "\n")

    def lanes(self, part: str) -> Iterator[dict[str, Any]]:
        """Give the lanes of a comparison that were measured."""
        for lane in self.parts.get(part, {}).get("lanes", []):
            if lane["rounds"] and not lane["failed"]:
                yield lane

    def rows(self, part: str) -> list[dict[str, Any]]:
        """Return the rows of a part that has rows."""
        return list(self.parts.get(part, {}).get("rows", []))

    def rates(self, part: str, lane: str) -> list[float]:
        """Return the events a second of each round of a lane; none if it was not measured."""
        for one in self.lanes(part):
            if one["id"] == lane:
                return [found["events_a_second"] for found in one["rounds"]]
        return []

    def median(self, part: str, lane: str, measure: str) -> float | None:
        """Return the median of a measure over the rounds of a lane."""
        for one in self.lanes(part):
            if one["id"] == lane:
                return statistics.median(found[measure] for found in one["rounds"])
        return None
