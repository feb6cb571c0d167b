"""What the commands have in common that decide about workflows as a whole: pause, resume, retire."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.management.base import CommandParser

from workflows_app.errors import UnknownWorkflow
from workflows_app.management.deciding import DecidingCommand, Report
from workflows_app.management.exits import wrong_usage
from workflows_app.models import Workflow
from workflows_app.operations.declaration import Operation


class WorkflowsCommand(DecidingCommand):
    """Base of these commands: `operation` for each workflow that is named, as a decision of its own."""

    operation: ClassVar[Operation]
    #: The question before it, in which {} is who is meant.
    question: ClassVar[str]
    #: The status of those that `--all` means; empty: there is no `--all`.
    all_that_are: ClassVar[str] = ""

    def add_arguments(self, parser: CommandParser) -> None:
        is_enough = "*" if self.all_that_are else "+"
        parser.add_argument("slugs", nargs=is_enough, metavar="slug", help="the workflow's slug")
        if self.all_that_are:
            said = f"all workflows that are {self.all_that_are} and not retired"
            parser.add_argument("--all", action="store_true", help=said)
        super().add_arguments(parser)

    def handle(self, *, slugs: list[str], all: bool = False, **options: Any) -> None:
        if self.all_that_are and bool(slugs) == all:
            raise wrong_usage("Name workflows by their slugs, or use --all.")
        report = Report()
        found = self._all() if all else _named(slugs, report)
        self.decide(
            [({"workflow": workflow.slug}, workflow) for workflow in found],
            self.operation,
            report,
            question=self.question.format(", ".join(workflow.slug for workflow in found)),
            options=options,
        )

    def _all(self) -> list[Workflow]:
        those = Workflow.objects.filter(status=self.all_that_are, retired_at=None)
        return list(those.order_by("slug"))


def _named(slugs: list[str], report: Report) -> list[Workflow]:
    known = {workflow.slug: workflow for workflow in Workflow.objects.filter(slug__in=slugs)}
    wanted = list(dict.fromkeys(slugs))
    for slug in wanted:
        if slug not in known:
            report.refuse({"workflow": slug}, "not_found", str(UnknownWorkflow(slug)))
    return [known[slug] for slug in wanted if slug in known]
