"""Filling and publishing of contenders that know jobs, no events: by a program of theirs.

A job has the names of the events of one run, and their payload.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.benchmarks.loads import Load
from tests.benchmarks.programs import Program


def fill_by(command: list[str], load: Load, first: int) -> None:
    """Have `command`, with a file of all jobs, put them into its queue."""
    jobs = [
        {"names": names, "payload": [load.payload] * len(names)} for names in load.batches(first)
    ]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "jobs.json"
        file.write_text(json.dumps(jobs))
        Program([*command, str(file)]).run()


def publisher_of(command: list[str], rate: float, events: int) -> Program:
    return Program([*command, str(rate), str(events)])
