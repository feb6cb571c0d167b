"""Which parts there are, with which loads: the whole run, and the quick one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import FLOOR, OURS, with_calls
from tests.benchmarks.grounds import FreshCopies, OnTop
from tests.benchmarks.loads import HELD_LANES, Load
from tests.benchmarks.parts.base import Part
from tests.benchmarks.parts.comparison import Comparison, Lane
from tests.benchmarks.parts.idle import Idle
from tests.benchmarks.parts.latency import Latency
from tests.benchmarks.parts.memory import Memory
from tests.benchmarks.parts.publishing import Publishing
from tests.benchmarks.parts.settings import Settings
from tests.benchmarks.parts.statements import Statements

#: As many as the goals name; a finished one has nine rows of history.
PAST_EVENTS = HELD_EVENTS = 1_000_000
#: Outsides that take so many milliseconds, with so many calls under way, and how many events.
SLOW = ((20, 64, 6400), (200, 64, 3200), (200, 256, 6400))


def whole() -> list[Part]:
    """Return all parts, each with enough rounds for a median."""
    return [
        Settings(),
        _headline(events=2400, rounds=5),
        Comparison("slow", "A slow outside", _slow, rounds=3, reference="procrastinate-200-64"),
        Comparison("lanes", "Lanes of one workflow", _lanes, rounds=3, reference="ours-16"),
        Comparison("workers", "One and four workers", _workers, rounds=3),
        Comparison("workflows", "Many workflows and few", _workflows, rounds=3),
        Comparison("runs", "Ten events a run", _runs, rounds=3),
        Comparison("payloads", "Large payloads", _payloads, rounds=3),
        Comparison("history", "A long past", _history, rounds=5, reference="ours-empty"),
        Comparison("held", "Lanes that are held", _held, rounds=5, reference="ours-empty"),
        Publishing(),
        Statements(),
        Latency(),
        Idle(),
        Memory(),
    ]


def quick() -> list[Part]:
    """Return what two minutes are enough for."""
    return [_headline(events=640, rounds=2), Latency(events=420, with_peers=False)]


def own(load: Load, workers: int) -> list[Part]:
    """Return the part that measures a load of one's own."""
    title = "A load of one's own"
    return [Comparison("own", title, lambda bench: _all(bench, load, workers), rounds=3)]


def _headline(events: int, rounds: int) -> Comparison:
    def lanes(bench: Bench) -> list[Lane]:
        load = _with_lanes(bench.events(events, 16), 16)
        strict = Lane("ours-strict", OURS, replace(load, lanes=0), 2, "without lanes")
        return [*_all(bench, load), *([strict] if bench.able([OURS]) else [])]

    return Comparison("headline", "A backlog", lanes, rounds=rounds)


def _with_lanes(events: int, workflows: int, **more: int) -> Load:
    """Return a load in which each event is in a lane of its own."""
    return Load(events, workflows, lanes=events // workflows, **more)


def _slow(bench: Bench) -> list[Lane]:
    return [
        Lane(
            f"{one.key}-{outside_ms}-{calls}",
            one,
            _with_lanes(bench.events(events), 1, outside_ms=outside_ms),
            1,
            f"an outside of {outside_ms} ms",
        )
        for outside_ms, calls, events in SLOW
        for one in bench.able(with_calls(calls))
    ]


def _lanes(bench: Bench) -> list[Lane]:
    some, many = bench.events(5000, 16), bench.events(100_000)
    loads = {
        "ours-16": Load(some, 16, lanes=63),
        "ours-1": Load(some, 1, lanes=1000),
        "ours-1-few": Load(many, 1, lanes=max(1, many // 100)),
        "ours-1-many": Load(many, 1, lanes=many),
    }
    return [
        Lane(key, OURS, load, 1, f"{load.workflows} workflows of {load.lanes:,} lanes")
        for key, load in loads.items()
        if bench.able([OURS])
    ]


def _all(bench: Bench, load: Load, workers: int = 2) -> list[Lane]:
    return [Lane(one.key, one, load, workers=workers) for one in bench.contenders()]


def _workers(bench: Bench) -> list[Lane]:
    load = _with_lanes(bench.events(1600, 16), 16)
    return [
        Lane(f"{one.key}-{workers}", one, load, workers=workers)
        for workers in (1, 4)
        for one in bench.contenders()
    ]


def _workflows(bench: Bench) -> list[Lane]:
    lanes = [
        Lane(f"ours-{number}", OURS, Load(bench.events(events, number), number), 2, note)
        for number, events, note in (
            (1, 1600, "1 workflow"),
            (16, 5000, "16 workflows"),
            (1000, 5000, "1,000 workflows"),
        )
        if bench.able([OURS])
    ]
    floor = Lane("floor", FLOOR, Load(bench.events(5000, 16), 16), 2)
    return [*lanes, floor] if bench.able([FLOOR]) else lanes


def _runs(bench: Bench) -> list[Lane]:
    return _all(bench, Load(bench.events(4800, 16), 16, events_a_run=10))


def _payloads(bench: Bench) -> list[Lane]:
    return _all(bench, Load(bench.events(320, 16), 16, payload_bytes=100 * 1024))


def _history(bench: Bench) -> Sequence[Lane]:
    load = Load(bench.events(2400, 16), 16)
    past = OnTop(bench.server, OURS, load, "past", bench.events(PAST_EVENTS))
    empty = FreshCopies(bench.server, OURS, load)
    lanes = [
        Lane("ours-empty", OURS, load, 2, "empty", empty),
        Lane("ours-past", OURS, load, 2, "with a long past", past),
    ]
    return lanes if bench.able([OURS]) else []


def _held(bench: Bench) -> Sequence[Lane]:
    load = _with_lanes(bench.events(2400), 1, payload_bytes=100)
    held = OnTop(bench.server, OURS, load, "held", max(HELD_LANES, bench.events(HELD_EVENTS)))
    empty = FreshCopies(bench.server, OURS, load)
    lanes = [
        Lane("ours-empty", OURS, load, 1, "nothing is held", empty),
        Lane("ours-held", OURS, load, 1, "behind held lanes", held),
    ]
    return lanes if bench.able([OURS]) else []
