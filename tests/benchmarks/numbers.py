"""The arithmetic of the results: medians, spread, percentiles, ratios."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Some measurements of one thing: the one in the middle, the lowest and the highest."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of the values don't exceed."""
    ordered = sorted(values)
    rank = math.ceil(len(ordered) * percent / 100)
    return ordered[max(0, rank - 1)]


def ratios(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return the ratio of each value to the other one of the same round.

    Rounds are interleaved: what slows the machine down for a while slows both.
    """
    return [value / other for value, other in zip(values, others, strict=False) if other]


def growth_percent(values: Sequence[float]) -> float:
    """Return by how many percent the last value is above the first."""
    return (values[-1] / values[0] - 1) * 100
