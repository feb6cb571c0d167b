"""What the commands have in common that decide about workflows as a whole: pause, resume, retire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.core.management.base import CommandParser

from workflows_app.errors import UnknownWorkflow
from workflows_app.management.deciding import DecidingCommand, Report
from workflows_app.models import Workflow
from workflows_app.operations.declaration import Operation


class WorkflowsCommand(DecidingCommand):
    """Base of these commands: `operation` for each workflow that is named, as a decision of its own."""

    operation: ClassVar[Operation]
    #: The question before it, in which {} is who is meant.
    question: ClassVar[str]
    #: How many slugs there must be, as argparse says it.
    nargs: ClassVar[str] = "+"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slugs", nargs=self.nargs, metavar="slug", help="the workflow's slug")
        super().add_arguments(parser)

    def handle(self, *, slugs: list[str], **options: Any) -> None:
        known = {workflow.slug: workflow for workflow in Workflow.objects.filter(slug__in=slugs)}
        wanted = list(dict.fromkeys(slugs))
        report = Report()
        for slug in wanted:
            if slug not in known:
                report.refuse({"workflow": slug}, "not_found", str(UnknownWorkflow(slug)))
        self.decide_about([known[slug] for slug in wanted if slug in known], report, options)

    def decide_about(
        self, workflows: Sequence[Workflow], report: Report, options: dict[str, Any]
    ) -> None:
        self.decide(
            [({"workflow": workflow.slug}, workflow) for workflow in workflows],
            self.operation,
            report,
            question=self.question.format(", ".join(workflow.slug for workflow in workflows)),
            options=options,
        )
