"""The results as tables for people: on the terminal, and in docs/performance.md."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from tests.benchmarks.goals import verdicts
from tests.benchmarks.numbers import Spread, ratios
from tests.benchmarks.results import Results

_NOTHING = "–"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def goals(results: Results) -> str:
    rows = [
        (
            found["goal"],
            found["wanted"],
            _NOTHING if found["measured"] is None else f"{found['measured']:g}",
            found["verdict"],
        )
        for found in verdicts(results)
    ]
    return table(["goal", "wanted", "measured", ""], rows)


def comparison(results: Results, key: str) -> str:
    """Return medians with their spread, and the median of the ratios round by round."""
    part = results.parts[key]
    reference = results.rates(key, part["reference"])
    rows = []
    for lane in part["lanes"]:
        if lane["failed"] or not lane["rounds"]:
            rows.append([_name(lane), lane["workers"], "failed", *[_NOTHING] * 6])
            continue
        rates = [one["events_a_second"] for one in lane["rounds"]]
        rate = Spread.of(rates)
        found = ratios(rates, reference)
        rows.append(
            [
                _name(lane),
                lane["workers"],
                f"{rate.median:.0f}",
                f"{rate.lowest:.0f} to {rate.highest:.0f}",
                f"{statistics.median(found):.2f}" if found else _NOTHING,
                *(_median(lane, measure, shape) for measure, shape in _COSTS.items()),
            ]
        )
    head = ["", "workers", "events/s", "lowest to highest", "ratio", "CPU ms"]
    return table([*head, "commits", "fsyncs", "WAL bytes"], rows)


_COSTS = {"worker_cpu_ms": ".1f", "commits": ".1f", "wal_syncs": ".2f", "wal_bytes": ",.0f"}


def _name(lane: dict[str, Any]) -> str:
    """Return what the lane is called, with what lay in its database before."""
    if "history_rows" not in lane:
        return str(lane["name"])
    past = f"{lane['finished_events']:,} finished events, {lane['history_rows']:,} history rows"
    if lane.get("held_events"):
        past = f"{lane['held_events']:,} events held up"
    return f"{lane['name']} ({past})"


def _median(lane: dict[str, Any], measure: str, shape: str) -> str:
    return format(statistics.median(one[measure] for one in lane["rounds"]), shape)


def latency(results: Results, key: str) -> str:
    rows = [
        [row["name"], row["events"], *_three(row["effect"]), *_three(row.get("committed"))]
        for row in results.rows(key)
    ]
    head = ["", "events", "effect p50 ms", "p99", "most", "committed p50 ms", "p99", "most"]
    return table(head, rows)


def _three(found: dict[str, float] | None) -> list[str]:
    if found is None:
        return [_NOTHING] * 3
    return [f"{found[name]:.1f}" for name in ("p50", "p99", "max")]


def idle(results: Results, key: str) -> str:
    rows = [
        [
            f"{row['workflows']:,}",
            _NOTHING if row["statements_a_second"] is None else row["statements_a_second"],
            row["commits_a_second"],
            row["workers_cpu_percent"],
            row["sessions_cpu_percent"],
        ]
        for row in results.rows(key)
    ]
    head = ["workflows", "statements/s", "commits/s", "CPU % of all workers", "of their sessions"]
    return table(head, rows)


def memory(results: Results, key: str) -> str:
    rows = [
        [
            f"{row['events']:,}",
            row["seconds"],
            ", ".join(f"{size:.0f}" for size in row["megabytes"]),
        ]
        for row in results.rows(key)
    ]
    return table(["events done", "after seconds", "MiB of each worker"], rows)


def statements(results: Results, key: str) -> str:
    rows = [
        [row["name"], _NOTHING if row["statements"] is None else row["statements"], row["commits"]]
        for row in results.rows(key)
    ]
    return table(["", "statements an event", "commits an event"], rows)


def publishing(results: Results, key: str) -> str:
    rows = [
        [row["name"], f"{row['events']:,}", f"{row['events_a_second']:,.0f}"]
        for row in results.rows(key)
    ]
    return table(["", "events", "events/s"], rows)


KINDS: dict[str, Callable[[Results, str], str]] = {
    "comparison": comparison,
    "latency": latency,
    "idle": idle,
    "memory": memory,
    "statements": statements,
    "publishing": publishing,
}


def all_tables(results: Results) -> dict[str, str]:
    """Return all tables by the name of their part, goals first, each with its title and load."""
    found = {"goals": goals(results)}
    for key, part in results.parts.items():
        found[key] = f"{part['title']}{_load(part)}:\n\n{KINDS[part['kind']](results, key)}"
    return found


def _load(part: dict[str, Any]) -> str:
    """Say what load all lanes of a comparison share."""
    loads = [lane["load"] for lane in part.get("lanes", [])]
    if not loads or any(load != loads[0] for load in loads):
        return ""
    load, rounds = loads[0], max(len(lane["rounds"]) for lane in part["lanes"])
    return (
        f" ({load['events']:,} events of {load['payload_bytes']:,} bytes over {load['workflows']:,}"
        f" workflows, {load['events_a_run']} a run; {rounds} rounds)"
    )
