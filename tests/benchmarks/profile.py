"""`python -m tests.benchmarks.profile`: what costs how much of a worker's processor time an event.

A host, as a worker has it, works off a backlog of instant calls twice: as it is, for the sum, and with a profiler
in its thread, for the shares of what it does there. (A profiler slows small functions down most.)
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import sys
import time
from collections import Counter
from typing import Any

from tests.benchmarks import outside
from tests.benchmarks.contenders import OURS
from tests.benchmarks.database import Server
from tests.benchmarks.loads import Load
from tests.benchmarks.programs import SETTINGS, Program, python
from tests.secret_key import SECRET_KEY

_LOAD = Load(4800, 16, lanes=300)
#: What the time of a file is spent on: by the first of these that its name contains.
_KINDS = {
    "psycopg: statements to the server, rows from it": ("/psycopg", "models/pipeline"),
    "rows with their history, as JSON": ("/json/", "models/saving", "models/statem", "/collecting"),
    "transitions": ("/django_fsm/", "models/states", "models/runs", "models/events", "/mutations"),
    "instances: new ones, copies, what is read": ("/models/", "/uuid"),
    "handing out to threads, gathering": ("/host", "/under_way", "/places", "/handing", "/jobs"),
    "looking, planning, beginning": ("/sight", "/work.", "/snapshot", "/planner", "/beginning"),
    "what comes back of runs: checks, outcomes, ends": ("workflows_app/",),
    "Python's and Django's own": ("",),
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    os.environ.setdefault("SECRET_KEY", SECRET_KEY)
    os.environ.setdefault("EMBEDDED_POSTGRES_NAME", "workflows")
    server = Server()
    try:
        with outside.running():
            filled = server.create("filled", template=OURS.template(server, _LOAD))
            OURS.fill(server, filled, _LOAD)
            plain, profiled = (_round(server, filled, how) for how in ("plain", "profiled"))
    finally:
        server.drop_all()
    host, calls = plain["host"], plain["calls"]
    rows = [(f"host: {kind}", host * share) for kind, share in profiled["shares"].items()]
    rows.append(("threads: the outside call", calls))
    rows.append(("threads: handlers, answers, waking up", plain["process"] - host - calls))
    lines = [f"| {name} | {us:.0f} |" for name, us in rows]
    total = f"| all, with {plain['begun']:.0f} runs begun a turn | {plain['process']:.0f} |"
    sys.stdout.write("\n".join(["| | µs an event |", "| --- | --- |", *lines, total, ""]))


def _round(server: Server, filled: str, how: str) -> Any:
    database = server.create(how, template=filled)
    command = python("-m", "tests.benchmarks.profile", how)
    return json.loads(Program(command, server.environment(database) | _LOAD.environment()).run())


def work(*, is_profiled: bool) -> dict[str, Any]:
    """Work the backlog off in this process; return the microseconds an event, and the shares of the host's."""
    import django

    django.setup()
    from tests.benchmarks.ours import workflows
    from workflows_app.engine.hosting import ThreadedHost
    from workflows_app.management.commands.run_worker import _collect_less_often
    from workflows_app.models import Workflow

    profiler, seen, spent = cProfile.Profile(time.thread_time), [], [0.0]
    call = workflows.make_effects

    def timed(names: Any) -> Any:
        began = time.thread_time()
        answer = call(names)
        spent[0] += time.thread_time() - began
        return answer

    class Watched(ThreadedHost):
        turns = 0

        def step(self, *, wait: float | None = None) -> bool:
            self.turns += 1
            if len(seen) < 2 and self.begun >= _LOAD.events * (0.9 if seen else 0.1):
                clocks = (time.process_time(), time.thread_time(), spent[0])
                seen.append((self.begun, self.turns, *clocks))
                if is_profiled:
                    (profiler.enable, profiler.disable)[len(seen) - 1]()
            return super().step(wait=wait)

    workflows.make_effects = timed
    ids = list(Workflow.objects.values_list("pk", flat=True))
    host = Watched(at_once=64, others_wait=lambda: False)
    _collect_less_often()
    host.start()
    for done in [host.take(pk) for pk in ids]:
        done.result(timeout=1800.0)
    host.stop(within_seconds=5.0)
    events, turns, *clocks = (after - before for before, after in zip(*seen, strict=True))
    names = ("process", "host", "calls")
    found = {name: clock / events * 1e6 for name, clock in zip(names, clocks, strict=True)}
    shares = _shares(profiler) if is_profiled else {}
    return {**found, "begun": events / turns, "shares": shares}


def _shares(profiler: cProfile.Profile) -> dict[str, float]:
    """Return the share of each kind; what is built in has no file, and counts for whoever calls it."""
    found: Counter[str] = Counter()
    stats: Any = pstats.Stats(profiler)
    for (file, _line, name), (_, _, own, _, callers) in stats.stats.items():
        if file != "~":
            found[_kind(file)] += own
        elif "SimpleQueue" not in name or "get" not in name:
            for (caller, *_rest), (_, _, of_caller, _) in callers.items():
                found[_kind(caller)] += of_caller
    return {kind: found[kind] / found.total() for kind in _KINDS}


def _kind(file: str) -> str:
    return next(kind for kind, parts in _KINDS.items() if any(part in file for part in parts))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(work(is_profiled=sys.argv[1] == "profiled")))
    else:
        main()
