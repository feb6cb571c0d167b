"""`manage.py doctor`: check every invariant of the design over the whole database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandParser

from workflows_app.doctor import CHECKS, Check, Finding, Severity, examine
from workflows_app.management import command
from workflows_app.management.exits import wrong_usage
from workflows_app.management.selection import workflow_named
from workflows_app.management.tables import plain

_LONGEST_LINE = 500


class Command(command.Command):
    statement_limit = "report_statement_seconds"
    help = (
        "Check every invariant of the design over the whole database, and say what is wrong and"
        " what to do. Exits with 1 if anything is violated; warnings alone exit with 0. Without"
        " --fix it only reads. It may run beside the workers."
    )

    if_away = if_interrupted = "It had not looked at everything. What was fixed stays fixed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["text", "json"], default="text")
        parser.add_argument(
            "--fix", action="store_true", help="put right what is provably safe: lost wake-ups"
        )
        parser.add_argument("--workflow", metavar="SLUG", help="look at this workflow only")
        parser.add_argument(
            "--only", metavar="ID", action="append", help="run this check only; may be repeated"
        )

    def handle(
        self,
        *,
        format: str,
        fix: bool,
        workflow: str | None,
        only: list[str] | None,
        **_: Any,
    ) -> None:
        checks = _chosen(only)
        looked_at = workflow_named(workflow) if workflow is not None else None
        findings = examine(checks, workflow=looked_at, fix=fix)
        report = _Json(self.stdout) if format == "json" else _Text(self.stdout)
        report.begin(checks)
        numbers: Counter[str] = Counter()
        for finding in findings:
            report.tell(finding)
            numbers["fixed" if finding.fixed else finding.check.severity] += 1
        report.end(len(checks), numbers)
        if numbers[Severity.VIOLATION]:
            raise SystemExit(1)


def _chosen(only: list[str] | None) -> list[Check]:
    known = {check.id: check for check in CHECKS}
    for wanted in only or []:
        if wanted not in known:
            raise wrong_usage(f"There is no check '{wanted}'. The checks: {', '.join(known)}.")
    return [check for check in CHECKS if not only or check.id in only]


class _Text:
    """Findings under the heading of their check, with what it means and what to do."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._last = ""

    def begin(self, checks: Iterable[Check]) -> None:
        """Nothing precedes the findings."""

    def tell(self, finding: Finding) -> None:
        check, found = finding.check, finding.found
        if check.id != self._last:
            self._last = check.id
            self._out.write(f"{check.id} {check.severity}: {check.title}")
            self._out.write(f"  What it means: {check.meaning}")
            self._out.write(f"  What to do: {check.remedy}")
        where = f"{finding.workflow}: " if finding.workflow else ""
        done = " (fixed)" if finding.fixed else ""
        line = plain(f"{where}{found.subject} {found.id} {found.detail}", most=_LONGEST_LINE)
        self._out.write(f"  - {line}{done}")

    def end(self, checks: int, numbers: Counter[str]) -> None:
        self._out.write(
            f"Checks: {checks}, violations: {numbers[Severity.VIOLATION]},"
            f" warnings: {numbers[Severity.WARNING]}, fixed: {numbers['fixed']}"
        )


class _Json:
    """One JSON object, written while it is found."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._separator = ""

    def begin(self, checks: Iterable[Check]) -> None:
        described = [
            {
                "id": check.id,
                "severity": check.severity,
                "title": check.title,
                "meaning": check.meaning,
                "remedy": check.remedy,
            }
            for check in checks
        ]
        self._out.write(f'{{"checks": {json.dumps(described)}, "findings": [')

    def tell(self, finding: Finding) -> None:
        row = {
            "check": finding.check.id,
            "severity": finding.check.severity,
            "workflow": finding.workflow,
            "subject": finding.found.subject,
            "id": finding.found.id,
            "detail": finding.found.detail,
            "fixed": finding.fixed,
        }
        self._out.write(f"{self._separator}{json.dumps(row)}")
        self._separator = ","

    def end(self, checks: int, numbers: Counter[str]) -> None:
        self._out.write(
            f'], "violations": {numbers[Severity.VIOLATION]},'
            f' "warnings": {numbers[Severity.WARNING]}, "fixed": {numbers["fixed"]}}}'
        )
