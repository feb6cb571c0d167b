"""Light load: how long an event takes from its publication to its effect, and to its commit.

A publisher of its own process publishes at an even rate. It takes the time right after each commit,
the outside system when it is called, and PostgreSQL, by a trigger, when a run commits.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import calls
from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import OURS, Contender
from tests.benchmarks.loads import Load
from tests.benchmarks.numbers import percentile
from tests.benchmarks.parts.base import Part
from tests.benchmarks.programs import crew
from tests.benchmarks.rounds import FAILURES, RoundFailed, wait_until_at_rest
from tests.benchmarks.workers.publishing import WARM_UP, name_of

#: Runs just before the commit of the transaction that ends a run.
_STAMP_COMMITS = """
CREATE UNLOGGED TABLE bench_committed (event_id bigint, at timestamptz);
CREATE FUNCTION bench_stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO bench_committed SELECT event_id, clock_timestamp()
      FROM workflows_app_reservation WHERE run_id = NEW.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER bench_stamp AFTER UPDATE ON workflows_app_run
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'committed')
    EXECUTE FUNCTION bench_stamp();
"""
_COMMITTED = """
SELECT e.message_id, extract(epoch FROM min(c.at))::float8
  FROM bench_committed c JOIN workflows_app_event e ON e.id = c.event_id GROUP BY 1
"""


@dataclass
class Latency(Part):
    """Publishes so many events a second, over some workflows."""

    key: str = "latency"
    title: str = "Light load: from publication to effect, and to commit"
    rate: float = 20.0
    events: int = 600
    workflows: int = 16
    workers: int = 2
    with_peers: bool = True
    kind = "latency"

    def run(self, bench: Bench) -> dict[str, Any]:
        chosen = bench.contenders() if self.with_peers else bench.able([OURS])
        rows = []
        for contender in chosen:
            try:
                row = self._measure(bench, contender)
            except FAILURES as error:
                bench.failed(f"latency: {contender.name}: {error}")
                continue
            if row is not None:
                rows.append(row)
        return {"rate": self.rate, "workers": self.workers, "rows": rows}

    def _measure(self, bench: Bench, contender: Contender) -> dict[str, Any] | None:
        server, load = bench.server, Load(0, self.workflows)
        events = max(WARM_UP * 2, self.events // bench.divide)
        database = server.create("latency", template=contender.template(server, load))
        try:
            publisher = contender.publisher(server, database, self.rate, events)
            if publisher is None:
                return None
            contender.fill(server, database, load)
            if contender is OURS:
                with server.connect(database) as connection:
                    connection.execute(_STAMP_COMMITS)
            calls.reset()
            publisher.environment.update(load.environment())
            program = contender.worker(server, database)
            program.environment.update(load.environment())
            ahead = server.clock_ahead_by()
            with crew(program, self.workers) as working:
                # One that looks into its queue all the time never rests.
                wait_until_at_rest(contender, working, at_most=15.0)
                published: dict[str, float] = json.loads(publisher.run())
                self._wait_for_all(contender, events)
            effects = dict(calls.request("GET", "/effects"))
            committed: dict[str, float] = {}
            if contender is OURS:
                with server.connect(database) as connection:
                    committed = dict(connection.execute(_COMMITTED).fetchall())
        finally:
            contender.clear(server, database)
            server.drop(database)
        names = [name_of(number) for number in range(WARM_UP, events)]
        row: dict[str, Any] = {"contender": contender.key, "name": contender.name}
        row["events"] = len(names)
        row["effect"] = _summary([effects[name] - published[name] for name in names])
        if committed:
            found = [committed[name] - ahead - published[name] for name in names]
            row["committed"] = _summary(found)
        bench.tell(f"latency: {contender.name}: {row['effect']} {row.get('committed', '')}")
        return row

    def _wait_for_all(self, contender: Contender, events: int) -> None:
        deadline = time.monotonic() + 60.0
        while calls.request("GET", "/count") < events:
            if time.monotonic() > deadline:
                raise RoundFailed(f"{contender.name}: not all events were done.")
            time.sleep(0.05)
        # The last run commits after its effect.
        time.sleep(1.0)


def _summary(seconds: list[float]) -> dict[str, float]:
    """Return percentiles in milliseconds."""
    found = {"p50": percentile(seconds, 50), "p99": percentile(seconds, 99), "max": max(seconds)}
    return {name: round(value * 1000, 2) for name, value in found.items()}
