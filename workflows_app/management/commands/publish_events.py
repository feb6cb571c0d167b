"""`manage.py publish_events`: publish events from JSON lines, of a file or standard input.

Lines are published some hundred at a time, each lot in a transaction of its own. One that meets a row which
somebody else has locked is published line by line, so that only that line waits, and holds up nobody.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from workflows_app.errors import WorkflowsError
from workflows_app.management import command
from workflows_app.management.exits import SOME_REFUSED
from workflows_app.management.interruption import hold_when_committing
from workflows_app.management.json_lines import STANDARD_INPUT, as_they_come, event_of, opened
from workflows_app.management.selection import topic_named, workflow_named
from workflows_app.publishing import Entry, Outcome, TopicWriter

AGAIN = "Publish the file again: what is there already stays as it is."
#: How long a lot waits for a row that somebody else has locked, before it goes line by line.
_PATIENCE = "SET LOCAL lock_timeout = '200ms'"


@dataclass
class _Progress:
    """How far it has come."""

    #: Where it stands: of a lot, the first line.
    line: int = 0
    counts: Counter[Outcome] = field(default_factory=Counter)
    broken: list[dict[str, Any]] = field(default_factory=list)

    @property
    def published(self) -> int:
        return self.counts["new"] + self.counts["updated"]


class Command(command.Command):
    if_interrupted = AGAIN
    help = (
        'Publish one event a line: {"message_id": ..., "payload": ...}. Broken lines are reported by '
        "number and left out; all others are published. Publishing a line again changes nothing. "
        "What came too late, since its event is reserved, consumed or skipped, is counted apart."
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
        try:
            writer = TopicWriter.of(found, topic)
        except WorkflowsError as error:
            raise CommandError(str(error)) from error
        progress = _Progress()
        try:
            with opened(file) as stream:
                for lines in as_they_come(stream):
                    progress.line = lines[0][0]
                    entries = self._checked(writer, lines, progress)
                    _publish(writer, entries, progress, dry_run, last=lines[-1][0])
        except command.CUT_SHORT as error:
            so_far = _so_far(progress, dry_run)
            left = f"It stopped at line {progress.line}. {AGAIN}"
            raise command.unless_away(
                error, left, limit=self.statement_limit, if_interrupted=so_far
            ) from error
        self.stdout.write(_told(progress, dry_run, format))
        if progress.broken:
            raise SystemExit(SOME_REFUSED)

    def _checked(
        self, writer: TopicWriter, lines: Iterable[tuple[int, bytes]], progress: _Progress
    ) -> list[tuple[int, Entry]]:
        """Return the lines that are events, and tell of the others."""
        entries = []
        for number, line in lines:
            if not line.strip():
                continue
            try:
                entries.append((number, writer.checked(**event_of(line))))
            except WorkflowsError as error:
                progress.broken.append({"line": number, "problem": str(error)})
                self.stderr.write(f"line {number}: {error}")
        return entries


def _publish(
    writer: TopicWriter,
    entries: Sequence[tuple[int, Entry]],
    progress: _Progress,
    dry_run: bool,
    *,
    last: int,
) -> None:
    """Publish a lot that ends with line `last`. Commits."""
    try:
        if entries:
            _write(writer, entries, progress, dry_run, at=last, patience=_PATIENCE)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        for progress.line, entry in entries:
            _write(writer, [(progress.line, entry)], progress, dry_run, at=progress.line)
    progress.line = last


def _write(
    writer: TopicWriter,
    entries: Sequence[tuple[int, Entry]],
    progress: _Progress,
    dry_run: bool,
    *,
    at: int,
    patience: str = "",
) -> None:
    """Write and count `entries`, whose last line is `at`. Commits."""
    with hold_when_committing() as interruptions:
        with transaction.atomic():
            if patience:
                with connection.cursor() as cursor:
                    cursor.execute(patience)
            stored = writer.write([entry for _, entry in entries])
            transaction.set_rollback(dry_run)
            interruptions.is_on = True
        progress.counts.update(outcome for _, outcome in stored)
        progress.line = at


def _told(progress: _Progress, dry_run: bool, format: str) -> str:
    counts = {outcome: progress.counts[outcome] for outcome in get_args(Outcome)}
    if format == "json":
        told = {"published": progress.published, **counts, "broken": progress.broken}
        return json.dumps(told)
    verb = "would be published" if dry_run else "published"
    return (
        f"{progress.published} {verb} ({counts['new']} new, {counts['updated']} updated),"
        f" {counts['unchanged']} unchanged, {counts['too_late']} too late,"
        f" {len(progress.broken)} broken"
    )


def _so_far(progress: _Progress, dry_run: bool) -> str:
    stopped = f"it stopped at line {progress.line}."
    if dry_run:
        return f"Nothing was published. Checked: {progress.counts.total()}; {stopped}"
    return f"Published: {progress.published}; {stopped} {AGAIN}"
