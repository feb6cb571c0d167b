"""`python -m tests.benchmarks.ours.publish_many EVENTS`: publishing many at once, by code and from a file.

Prints a JSON object with the seconds of each.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command
from django.db import transaction

django.setup()

from tests.benchmarks.loads import Load, name_of  # noqa: E402
from tests.benchmarks.ours.workflows import WORKFLOWS  # noqa: E402
from workflows_app import publishing  # noqa: E402

SLUG, TOPIC = WORKFLOWS[0].slug, "work"
_A_TRANSACTION = 1000


def events_from(first: int, number: int) -> list[dict[str, Any]]:
    payload = Load().payload
    return [{"message_id": name_of(first + place), "payload": payload} for place in range(number)]


def by_code(events: list[dict[str, Any]]) -> None:
    for start in range(0, len(events), _A_TRANSACTION):
        with transaction.atomic():
            publishing.publish_many(
                workflow=SLUG, topic=TOPIC, events=events[start : start + _A_TRANSACTION]
            )


def from_file(file: Path) -> None:
    call_command("publish_events", SLUG, TOPIC, str(file), stdout=io.StringIO())


def seconds_of(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    number = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        lines = Path(directory) / "events.jsonl"
        lines.write_text("".join(f"{json.dumps(one)}\n" for one in events_from(number, number)))
        found = {
            "publish_many": seconds_of(lambda: by_code(events_from(0, number))),
            "publish_events": seconds_of(lambda: from_file(lines)),
        }
    sys.stdout.write(json.dumps(found))
