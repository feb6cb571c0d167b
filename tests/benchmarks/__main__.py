"""`python -m tests.benchmarks`: measure, print tables and goals, keep all numbers as JSON.

Exits with 1 if a contender lost an event, made an effect twice, or did not finish.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import machine, outside, plan
from tests.benchmarks.bench import Bench
from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.database import Server
from tests.benchmarks.goals import verdicts
from tests.benchmarks.loads import Load
from tests.benchmarks.parts.base import Part
from tests.benchmarks.programs import ROOT, SETTINGS
from tests.benchmarks.results import Results
from tests.benchmarks.tables import all_tables
from tests.secret_key import SECRET_KEY

#: What can be said of a load of one's own.
_OF_LOAD = (*(field.name for field in dataclasses.fields(Load)), "workers")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    os.environ.setdefault("SECRET_KEY", SECRET_KEY)
    # Without DATABASE_URL on the embedded server, and on purpose.
    os.environ.setdefault("EMBEDDED_POSTGRES_NAME", "workflows")
    options = parse()
    chosen = parts(options)
    # Told to stop, it stops its workers and drops its databases first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = Server()
    server.drop_all()
    bench = Bench(server, options.only or (), options.rounds, options.divide)
    results = Results()
    if options.json.exists() and (options.part or load_options(options)):
        # What was measured before stays beside it.
        results = Results.read(options.json)
    results.machine = machine.facts(server)
    try:
        with outside.running():
            for part in chosen:
                measure(part, bench, results)
                if not options.only:
                    results.left_out = bench.left_out
                results.write(options.json, goals=verdicts(results))
    finally:
        server.drop_all()
    shown = all_tables(results)
    for name in [*(part.key for part in chosen), *([] if load_options(options) else ["goals"])]:
        sys.stdout.write(f"{shown[name]}\n")
    for name, why in bench.left_out.items():
        sys.stdout.write(f"Left out: {name}: {why}\n")
    sys.stdout.write(f"All numbers are in {os.path.relpath(options.json)}.\n")
    if bench.failures:
        sys.exit(1)


def parts(options: argparse.Namespace) -> list[Part]:
    """Return the parts that were chosen."""
    changed = load_options(options)
    if changed:
        workers = changed.pop("workers", 2)
        load = Load(**{"events": 640 if options.quick else 2400, **changed})
        each = -(-load.events // load.workflows)
        return plan.own(dataclasses.replace(load, events=each * load.workflows), workers)
    known = plan.quick() if options.quick else plan.whole()
    return [part for part in known if not options.part or part.key in options.part]


def load_options(options: argparse.Namespace) -> dict[str, int]:
    """Return what was said about the load, if anything was."""
    said = {name: getattr(options, name) for name in _OF_LOAD}
    return {name: value for name, value in said.items() if value is not None}


def measure(part: Part, bench: Bench, results: Results) -> None:
    """Measure one part and keep what was found."""
    load_before, began_at = machine.load_now(), datetime.now(UTC)
    began = time.monotonic()
    found = part.run(bench)
    results.parts[part.key] = {
        "kind": part.kind,
        "title": part.title,
        "began_at": began_at.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 1),
        "load_before": load_before,
        "commit": results.machine["commit"],
        **found,
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    keys = [part.key for part in plan.whole()]
    parser.add_argument("--quick", action="store_true", help="what two minutes are enough for")
    parser.add_argument("--part", action="append", choices=keys, help="only this part")
    parser.add_argument(
        "--only",
        action="append",
        choices=[contender.key for contender in CONTENDERS],
        help="only this contender",
    )
    own = parser.add_argument_group("a load of one's own, in place of all parts")
    for name in _OF_LOAD:
        own.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N")
    parser.add_argument("--rounds", type=int, help="how often each contender gets its turn")
    parser.add_argument(
        "--divide", type=int, default=1, metavar="N", help="an N-th of all events, for a try"
    )
    parser.add_argument(
        "--json",
        type=Path,
        default=ROOT / "var" / "bench.json",
        help="where to keep all numbers; parts that are not measured stay there as they are",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
