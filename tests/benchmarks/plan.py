"""Which parts there are, with which loads: the whole run, and the quick one."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import FLOOR, OURS
from tests.benchmarks.grounds import FreshCopies, LongPast
from tests.benchmarks.loads import Load
from tests.benchmarks.parts.base import Part
from tests.benchmarks.parts.comparison import Comparison, Lane
from tests.benchmarks.parts.idle import Idle
from tests.benchmarks.parts.latency import Latency
from tests.benchmarks.parts.memory import Memory
from tests.benchmarks.parts.settings import Settings
from tests.benchmarks.parts.statements import Statements

#: As many as the goal names; each has nine rows of history.
PAST_EVENTS = 1_000_000


def whole() -> list[Part]:
    """Return all parts, each with enough rounds for a median."""
    return [
        Settings(),
        _headline(events=2400, rounds=5),
        Comparison("workers", "One and four workers", _workers, rounds=3),
        Comparison("workflows", "Many workflows and few", _workflows, rounds=3),
        Comparison("runs", "Ten events a run", _runs, rounds=3),
        Comparison("payloads", "Large payloads", _payloads, rounds=3),
        Comparison("history", "A long past", _history, rounds=5, reference="ours-empty"),
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
        return _all(bench, Load(bench.events(events, 16), 16))

    return Comparison("headline", "A backlog", lanes, rounds=rounds)


def _all(bench: Bench, load: Load, workers: int = 2) -> list[Lane]:
    return [Lane(one.key, one, load, workers=workers) for one in bench.contenders()]


def _workers(bench: Bench) -> list[Lane]:
    load = Load(bench.events(1600, 16), 16)
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
    past = LongPast(bench.server, OURS, load, bench.events(PAST_EVENTS))
    empty = FreshCopies(bench.server, OURS, load)
    lanes = [
        Lane("ours-empty", OURS, load, 2, "empty", empty),
        Lane("ours-past", OURS, load, 2, "with a long past", past),
    ]
    return lanes if bench.able([OURS]) else []
