"""One round of one contender: workers wait at a gate, it opens, the outside system is watched.

At the end each event must have been seen there exactly once, and nothing may be left undone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from tests.benchmarks import calls
from tests.benchmarks.contenders import Contender
from tests.benchmarks.counters import Counters, counters
from tests.benchmarks.database import Gate, Server
from tests.benchmarks.loads import Load
from tests.benchmarks.programs import Crew, ProgramFailed, crew

#: A round that takes longer than this has failed.
_LIMIT_SECONDS = 1800.0
_READY_SECONDS = 180.0
#: Workers that wait use less of a processor than this.
_AT_REST = 0.05


class RoundFailed(Exception):
    """A contender lost an event, made one twice, or did not finish."""


#: What ends the part of one contender; the others go on, and the run ends with an error.
FAILURES = (RoundFailed, ProgramFailed, psycopg.Error)


@dataclass(frozen=True)
class Measured:
    """What one round gave: the rate and the worker's time for the middle 80 % of the events, and
    what PostgreSQL counted for all of them, each for one event."""

    events_a_second: float
    worker_cpu_ms: float
    commits: float
    wal_syncs: float
    wal_bytes: float


def measure(
    server: Server, contender: Contender, database: str, load: Load, *, workers: int
) -> Measured:
    """Run one round in a database that is filled. Raises RoundFailed."""
    server.settle()
    calls.reset(load.outside_ms)
    with at_work(server, contender, database, load, workers=workers) as (working, before):
        cpu_ms = _watch(contender, working, load)
        _wait_until_finished(server, contender, database)
    wait_for_end_of_sessions(server, database)
    costs = counters(server, database).since(before).per(load.events)
    report = calls.request("GET", "/report")
    if report["distinct"] != load.events or report["twice"]:
        raise RoundFailed(f"{contender.name}: {report['twice']} effects were made twice.")
    return Measured(events_a_second=report["rate"], worker_cpu_ms=cpu_ms, **costs)


@contextlib.contextmanager
def at_work(
    server: Server, contender: Contender, database: str, load: Load, *, workers: int
) -> Iterator[tuple[Crew, Counters]]:
    """Start workers that all begin at one moment, and give what was counted until then."""
    program = contender.worker(server, database)
    program.environment.update(load.environment())
    with contextlib.ExitStack() as stack:
        with server.gate(database, contender.gate) as gate:
            working = stack.enter_context(crew(program, workers))
            _wait_until_ready(contender, working, workers, gate)
            before = counters(server, database)
        yield working, before


def _wait_until_ready(contender: Contender, working: Crew, number: int, gate: Gate) -> None:
    """Wait until all workers have nothing to do but wait at the gate."""
    deadline = time.monotonic() + _READY_SECONDS
    while gate.waiting() < number:
        if working.has_ended() or time.monotonic() > deadline:
            raise RoundFailed(f"{contender.name}: no worker came to work.\n{working.said()}")
        time.sleep(0.1)
    if not wait_until_at_rest(contender, working):
        raise RoundFailed(f"{contender.name}: its workers don't wait.")


def wait_until_at_rest(
    contender: Contender, working: Crew, *, seconds: float = 0.5, at_most: float = _READY_SECONDS
) -> bool:
    """Wait until no worker uses a processor for so long, but now and then for a moment.

    Return False if they don't come to rest in time. Raises RoundFailed if they end.
    """
    deadline = time.monotonic() + at_most
    while time.monotonic() < deadline:
        before = working.cpu_seconds()
        time.sleep(seconds)
        used = [after - then for after, then in zip(working.cpu_seconds(), before, strict=True)]
        if working.has_ended():
            raise RoundFailed(f"{contender.name}: the workers ended.\n{working.said()}")
        if max(used) < _AT_REST * seconds:
            return True
    return False


def _watch(contender: Contender, working: Crew, load: Load) -> float:
    """Wait until all is done; return the workers' milliseconds of CPU for an event in the middle."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    samples: list[tuple[int, float]] = []
    while True:
        done = calls.request("GET", "/count")
        if len(samples) < 2 and done >= load.events * (0.9 if samples else 0.1):
            samples.append((done, sum(working.cpu_seconds())))
        if done >= load.events:
            break
        if working.has_ended() or time.monotonic() > deadline:
            problem = f"{done} of {load.events} events were done"
            raise RoundFailed(f"{contender.name}: {problem}.\n{working.said()}")
        time.sleep(0.02)
    (from_event, before), (to_event, after) = samples[0], samples[-1]
    return (after - before) / max(1, to_event - from_event) * 1000


def wait_for_end_of_sessions(server: Server, database: str) -> None:
    """Wait until nobody is connected: a session tells what it did when it ends."""
    deadline = time.monotonic() + 30.0
    while server.sessions(database):
        if time.monotonic() > deadline:
            raise RoundFailed(f"Somebody is still connected to {database}.")
        time.sleep(0.05)


def _wait_until_finished(server: Server, contender: Contender, database: str) -> None:
    """Wait until the contender's own tables say that nothing is left to do."""
    deadline = time.monotonic() + 30.0
    with server.connect(database) as connection:
        while True:
            row = connection.execute(sql.SQL(contender.left)).fetchone()  # type: ignore[arg-type]
            if row == (0,):
                return
            if time.monotonic() > deadline:
                raise RoundFailed(f"{contender.name}: {row} were not finished.")
            time.sleep(0.05)
