"""`python -m tests.mutants`: plant each fault into a copy of the project, and see that a test fails.

Exits with 1 if a fault survives, or if it can't be told: the project has drifted away from it, its
tests fail without it, or they did not come to run.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock

import environ

from tests.mutants.copies import Copy
from tests.mutants.fault import ROOT, Drifted, Fault
from tests.mutants.faults import FAULTS

CAUGHT, SURVIVED, BROKEN = "caught", "SURVIVED", "BROKEN"


def main() -> None:
    options = parse()
    environ.Env.read_env(ROOT / ".env")
    words = [word.lower() for word in options.only or [""]]
    chosen = [
        fault
        for fault in FAULTS
        if any(word in f"{fault.says} {fault.file} {fault.breaks}".lower() for word in words)
    ]
    if options.list:
        for fault in chosen:
            say(f"{fault.breaks}  {fault.file}: {fault.says}")
        say(f"{len(chosen)} faults")
        return
    # Told to end, it ends what it has started, as after an interrupt.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    shares = [chosen[number :: options.jobs] for number in range(options.jobs)]
    with ThreadPoolExecutor(options.jobs) as threads:
        try:
            told = list(threads.map(_tell_all, range(options.jobs), shares))
        except KeyboardInterrupt:
            _interrupted.set()
            for copy in _copies:
                copy.stop()
            raise
    verdicts = [verdict for share in told for verdict in share]
    counts = Counter(verdicts)
    by_verdict = ", ".join(f"{counts[verdict]} {verdict}" for verdict in (CAUGHT, SURVIVED, BROKEN))
    say(f"{len(verdicts)} faults: {by_verdict}, in {time.monotonic() - began:.0f} s")
    sys.exit(0 if verdicts and counts[CAUGHT] == len(verdicts) else 1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "--only", action="append", help="faults whose words, file or promise have this word"
    )
    parser.add_argument("--jobs", type=int, default=1, help="copies at a time, a database each")
    parser.add_argument("--list", action="store_true", help="list the faults, and test nothing")
    return parser.parse_args()


_one_at_a_time = Lock()
_interrupted = Event()
_copies: list[Copy] = []


def say(line: str) -> None:
    with _one_at_a_time:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _tell_all(number: int, faults: list[Fault]) -> list[str]:
    """Try `faults` in a copy of their own, print a line for each, and return the verdicts."""
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        copy = Copy(Path(directory), number)
        _copies.append(copy)
        for fault, verdict, why in _try_all(copy, faults):
            say(f"{verdict:<8}  {fault.breaks}  {fault.says}  [{fault.file}]\n{'':14}{why}")
            verdicts.append(verdict)
    return verdicts


def _try_all(copy: Copy, faults: list[Fault]) -> Iterator[tuple[Fault, str, str]]:
    names = dict.fromkeys(name for fault in faults for name in fault.tests)
    sound = copy.test(names, seconds=3600) if faults else None
    for fault in faults:
        if _interrupted.is_set():
            return
        if sound is not None and sound.code != 0:
            why = f"as are all of this copy, whose tests fail without any fault: {sound.output}"
            yield fault, BROKEN, why
            return
        verdict, why = _try(copy, fault)
        if not _interrupted.is_set():
            yield fault, verdict, why


def _try(copy: Copy, fault: Fault) -> tuple[str, str]:
    """Return the verdict on one fault, and what it stands on."""
    try:
        with copy.with_fault(fault):
            tested = copy.test(fault.tests)
    except Drifted as drifted:
        return BROKEN, str(drifted)
    if tested.code == 1 and tested.failed:
        return CAUGHT, f"by {tested.failed}"
    if tested.code == 0:
        return SURVIVED, f"all pass: {', '.join(fault.tests)}"
    ended = "came to no end" if tested.code is None else f"exits with {tested.code}"
    return BROKEN, f"pytest {ended}, and no test failed: {tested.output}"


if __name__ == "__main__":
    main()
