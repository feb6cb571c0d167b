"""What the project wants to reach, beside what was measured: met, not met, or not measured."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.numbers import growth_percent, ratios
from tests.benchmarks.results import Results

_PEERS = ("dbos", "procrastinate", "celery")
_COMPARE = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


@dataclass(frozen=True)
class Goal:
    """One number that is wanted; `measured` reads it from the results, or None."""

    what: str
    compare: str
    bound: float
    unit: str
    measured: Callable[[Results], float | None]

    def verdict(self, results: Results) -> dict[str, Any]:
        """Return the goal, what was measured, and in a word how it stands."""
        value = self.measured(results)
        if value is None:
            said = "not measured"
        else:
            said = "met" if _COMPARE[self.compare](value, self.bound) else "not met"
        return {
            "goal": self.what,
            "wanted": f"{self.compare} {self.bound:g}{self.unit}",
            "measured": None if value is None else round(value, 2),
            "verdict": said,
        }


def _against(other: str) -> Callable[[Results], float | None]:
    return lambda results: _ratio(results, "headline", "ours", other)


def _ratio(results: Results, part: str, one: str, other: str) -> float | None:
    """Return the median of the ratios of two lanes, round by round."""
    values, others = results.rates(part, one), results.rates(part, other)
    found = sorted(ratios(values, others))
    if not found:
        return None
    middle = len(found) // 2
    return found[middle] if len(found) % 2 else (found[middle - 1] + found[middle]) / 2


def _latency(percent: str) -> Callable[[Results], float | None]:
    def read(results: Results) -> float | None:
        rows = [row for row in results.rows("latency") if row["contender"] == "ours"]
        return rows[0]["committed"][percent] if rows and "committed" in rows[0] else None

    return read


def _idle(*fields: str) -> Callable[[Results], float | None]:
    def read(results: Results) -> float | None:
        rows = [row for row in results.rows("idle") if row["workflows"] >= 10_000]
        values = [rows[0][field] for field in fields] if rows else [None]
        return None if None in values else sum(values)

    return read


def _memory_growth(results: Results) -> float | None:
    rows = [row for row in results.rows("memory") if row["events"] >= 20_000]
    if len(rows) < 2 or rows[-1]["events"] < 100_000:
        return None
    return growth_percent([max(row["megabytes"]) for row in rows])


def _against_best(calls: int) -> Callable[[Results], float | None]:
    """Return what compares us with the best of the peers, when a call takes 200 ms."""

    def read(results: Results) -> float | None:
        ours, load = f"ours-200-{calls}", f"200-{calls}"
        found = [_ratio(results, "slow", ours, f"{peer}-{load}") for peer in _PEERS]
        return min((ratio for ratio in found if ratio is not None), default=None)

    return read


def _published(way: str) -> Callable[[Results], float | None]:
    return lambda results: next(
        (row["events_a_second"] for row in results.rows("publishing") if row["name"] == way), None
    )


GOALS = (
    Goal(
        "one workflow, calls of 200 ms, 64 under way, against the best peer",
        ">=",
        1.0,
        "",
        _against_best(64),
    ),
    Goal("the same, 256 under way in one worker", ">=", 1.5, "", _against_best(256)),
    Goal("events/s against the floor", ">=", 3.0, "", _against("floor")),
    Goal("events/s against Procrastinate alone", ">=", 2.0, "", _against("procrastinate")),
    Goal("events/s against Celery", ">=", 2.0, "", _against("celery")),
    Goal("events/s against DBOS", ">=", 4.0, "", _against("dbos")),
    Goal(
        "events/s without lanes against the floor",
        ">=",
        2.5,
        "",
        lambda results: _ratio(results, "headline", "ours-strict", "floor"),
    ),
    Goal(
        "one workflow with 1,000 lanes against 16 workflows, one worker",
        ">=",
        0.9,
        "",
        lambda results: _ratio(results, "lanes", "ours-1", "ours-16"),
    ),
    Goal(
        "100,000 lanes of one event against 1,000 lanes of 100",
        ">=",
        0.8,
        "",
        lambda results: _ratio(results, "lanes", "ours-1-many", "ours-1-few"),
    ),
    Goal(
        "behind 1,000 held lanes with 1,000,000 events against none",
        ">=",
        0.9,
        "",
        lambda results: _ratio(results, "held", "ours-held", "ours-empty"),
    ),
    Goal(
        "a worker's CPU for an event",
        "<=",
        0.8,
        " ms",
        lambda results: results.median("headline", "ours", "worker_cpu_ms"),
    ),
    Goal(
        "fsyncs of the log for an event",
        "<=",
        0.2,
        "",
        lambda results: results.median("headline", "ours", "wal_syncs"),
    ),
    Goal("published to committed at 20 events/s, p50", "<=", 12, " ms", _latency("p50")),
    Goal("published to committed at 20 events/s, p99", "<=", 25, " ms", _latency("p99")),
    Goal("events/s of publish_many", ">=", 5000, "", _published("publish_many")),
    Goal("events/s of publish_events", ">=", 5000, "", _published("publish_events")),
    Goal(
        "1,000 workflows with 5 events each against 16 with as many together",
        ">=",
        0.5,
        "",
        lambda results: _ratio(results, "workflows", "ours-1000", "ours-16"),
    ),
    Goal(
        "with a long past against an empty database",
        ">=",
        0.9,
        "",
        lambda results: _ratio(results, "history", "ours-past", "ours-empty"),
    ),
    Goal(
        "statements a second with 10,000 workflows and nothing due",
        "<=",
        5,
        "",
        _idle("statements_a_second"),
    ),
    Goal(
        "CPU with 10,000 workflows and nothing due, all workers and their sessions",
        "<",
        1,
        " %",
        _idle("workers_cpu_percent", "sessions_cpu_percent"),
    ),
    Goal(
        "growth of a worker's memory from 20,000 to 100,000 events", "<=", 5, " %", _memory_growth
    ),
)


def verdicts(results: Results) -> list[dict[str, Any]]:
    """Return how each goal stands."""
    return [goal.verdict(results) for goal in GOALS]
