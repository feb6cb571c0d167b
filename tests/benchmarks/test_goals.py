"""A goal is met, not met, or not measured; and none is judged by what was not measured for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.goals import GOALS, verdicts
from tests.benchmarks.results import Results


def lane(name: str, *rates: float, wal_syncs: float = 2.0) -> dict[str, Any]:
    costs = {"wal_syncs": wal_syncs, "worker_cpu_ms": 1.0}
    rounds = [{"events_a_second": rate, **costs} for rate in rates]
    return {"id": name, "rounds": rounds, "failed": ""}


def verdict(goal: str, **parts: Any) -> tuple[float | None, str]:
    """Return what is said of the one goal that begins so."""
    (found,) = [one for one in verdicts(Results(parts=parts)) if one["goal"].startswith(goal)]
    return found["measured"], found["verdict"]


def test_without_results_no_goal_is_judged() -> None:
    assert {found["verdict"] for found in verdicts(Results())} == {"not measured"}
    assert len(GOALS) == 21


@pytest.mark.parametrize(
    ("ours", "expected"), [((290.0, 310.0, 300.0), (3.0, "met")), ((299.0,) * 3, (2.99, "not met"))]
)
def test_a_rate_is_judged_round_by_round_against_its_rival(
    ours: tuple[float, ...], expected: tuple[float, str]
) -> None:
    lanes = [lane("ours", *ours), lane("floor", *(100.0,) * 3)]

    assert verdict("events/s against the floor", headline={"lanes": lanes}) == expected


def test_with_a_slow_outside_the_best_of_the_peers_is_the_rival() -> None:
    lanes = [
        lane("ours-200-64", 300.0),
        lane("ours-200-256", 900.0),
        lane("dbos-200-64", 100.0),
        lane("celery-200-64", 310.0),
        lane("procrastinate-200-256", 600.0),
    ]
    goals = ("one workflow, calls of 200 ms, 64", "the same, 256 under way")

    said = [verdict(goal, slow={"lanes": lanes}) for goal in goals]
    assert said == [(0.97, "not met"), (1.5, "met")]


def test_each_way_to_publish_is_judged_by_itself() -> None:
    rows = [
        {"name": "publish_many", "events_a_second": 5000.0},
        {"name": "publish_events", "events_a_second": 4999.0},
    ]

    said = [verdict(f"events/s of {name}", publishing={"rows": rows})
            for name in ("publish_many", "publish_events")]  # fmt: skip
    assert said == [(5000.0, "met"), (4999.0, "not met")]


def test_a_rival_that_failed_is_none() -> None:
    failed = lane("floor", 100.0) | {"failed": "it lost an event"}
    lanes = [lane("ours", 1000.0), failed]

    assert verdict("events/s against the floor", headline={"lanes": lanes}) == (
        None,
        "not measured",
    )


@pytest.mark.parametrize(("syncs", "said"), [(0.2, "met"), (0.21, "not met")])
def test_fsyncs_may_be_as_many_as_the_goal_says(syncs: float, said: str) -> None:
    lanes = [lane("ours", 100.0, wal_syncs=syncs)]

    assert verdict("fsyncs", headline={"lanes": lanes}) == (syncs, said)


def test_latency_is_that_of_our_commits() -> None:
    rows = [
        {"contender": "celery", "effect": {"p50": 1.0}},
        {"contender": "ours", "effect": {"p50": 1.0}, "committed": {"p50": 13.0, "p99": 25.0}},
    ]

    said = [verdict(f"published to committed at 20 events/s, {p}", latency={"rows": rows})
            for p in ("p50", "p99")]  # fmt: skip
    assert said == [(13.0, "not met"), (25.0, "met")]


def idle(workflows: int, statements: float | None) -> dict[str, Any]:
    cpu = {"workers_cpu_percent": 0.6, "sessions_cpu_percent": 0.4}
    return {"rows": [{"workflows": workflows, "statements_a_second": statements, **cpu}]}


def test_idling_is_judged_with_many_workflows_only() -> None:
    goal = "statements a second"
    assert verdict(goal, idle=idle(10_000, 5.0)) == (5.0, "met")
    assert verdict(goal, idle=idle(10, 5.0)) == (None, "not measured")
    assert verdict(goal, idle=idle(10_000, None)) == (None, "not measured")


def test_idle_cpu_is_that_of_workers_and_sessions_together_and_must_stay_below_the_bound() -> None:
    assert verdict("CPU", idle=idle(10_000, 5.0)) == (1.0, "not met")


def test_memory_is_judged_from_the_events_on_after_which_all_is_loaded() -> None:
    sizes = {10_000: 50.0, 20_000: 80.0, 50_000: 90.0, 100_000: 82.0}
    rows = [{"events": events, "megabytes": [40.0, size]} for events, size in sizes.items()]

    assert verdict("growth", memory={"rows": rows}) == (2.5, "met")
    assert verdict("growth", memory={"rows": rows[:-1]}) == (None, "not measured")
