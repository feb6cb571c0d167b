"""`manage.py publish_events`: publish events from JSON lines, of a file or standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from workflows_app.errors import WorkflowsError
from workflows_app.management import command
from workflows_app.management.exits import SOME_REFUSED
from workflows_app.management.selection import topic_named, workflow_named
from workflows_app.publishing import publish

STANDARD_INPUT = Path("-")
AGAIN = "Publish the file again: what is there already stays as it is."


class Command(command.Command):
    if_interrupted = AGAIN
    help = (
        "Publish one event a line: {'message_id': ..., 'payload': ...}. Broken lines are reported by "
        "number and left out; all others are published. Publishing a line again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workflow", help="the workflow's slug")
        parser.add_argument("topic")
        parser.add_argument(
            "file",
            nargs="?",
            type=Path,
            default=STANDARD_INPUT,
            help="JSON lines; - is standard input",
        )
        parser.add_argument("--dry-run", action="store_true", help="check all, publish nothing")
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(
        self, *, workflow: str, topic: str, file: Path, dry_run: bool, format: str, **_: Any
    ) -> None:
        found = workflow_named(workflow)
        topic_named(found, topic)
        number, published = 0, 0
        broken: list[dict[str, Any]] = []
        try:
            with _opened(file) as lines:
                for number, line in enumerate(lines, start=1):
                    if not line.strip():
                        continue
                    try:
                        with transaction.atomic():
                            publish(workflow=found, topic=topic, **_parsed(line))
                            transaction.set_rollback(dry_run)
                        published += 1
                    except WorkflowsError as error:
                        broken.append({"line": number, "problem": str(error)})
                        self.stderr.write(f"line {number}: {error}")
        except command.CUT_SHORT as error:
            so_far = _so_far(number, published, dry_run)
            raise command.unless_away(error, _left(number), if_interrupted=so_far) from error
        if format == "json":
            self.stdout.write(json.dumps({"published": published, "broken": broken}))
        else:
            verb = "would be published" if dry_run else "published"
            self.stdout.write(f"{published} {verb}, {len(broken)} broken")
        if broken:
            raise SystemExit(SOME_REFUSED)


def _so_far(line: int, published: int, dry_run: bool) -> str:
    if dry_run:
        return f"Nothing was published. Checked: {published}; it stopped at line {line}."
    return f"Published: {published}; it stopped at line {line}. {AGAIN}"


def _left(line: int) -> str:
    return (
        f"It stopped at line {line}. Publish the file again when it is back:"
        " what is there already stays as it is."
    )


class BrokenLine(WorkflowsError):
    """A line is no event."""


def _parsed(line: bytes) -> dict[str, Any]:
    """Return `message_id` and `payload` of a line. Other keys are left to whoever wrote them."""
    try:
        record = json.loads(line.strip())
    except json.JSONDecodeError as error:
        raise BrokenLine(f"no JSON: {error.msg} at character {error.pos + 1}") from None
    except (ValueError, RecursionError) as error:
        raise BrokenLine(f"no JSON: {error}") from None
    if not isinstance(record, dict):
        raise BrokenLine(f"must be a JSON object, not {type(record).__name__}")
    for key in ("message_id", "payload"):
        if key not in record:
            raise BrokenLine(f"has no '{key}'")
    return {"message_id": record["message_id"], "payload": record["payload"]}


@contextmanager
def _opened(file: Path) -> Iterator[Iterable[bytes]]:
    """Open the lines as bytes: one that is no UTF-8 is a broken line, no end of the command."""
    name = "Standard input" if file == STANDARD_INPUT else str(file)
    try:
        if file != STANDARD_INPUT:
            with file.open("rb") as stream:
                yield stream
        elif sys.stdin is None:
            raise CommandError("There is no standard input. Name a file.")
        else:
            yield sys.stdin.buffer
    except OSError as error:
        raise CommandError(f"{name} can't be read: {error.strerror}.") from None
