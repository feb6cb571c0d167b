"""`manage.py retire_workflow`: end workflows that are no longer in the code, each by a decision of its own."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from workflows_app.errors import UnknownWorkflow
from workflows_app.management.deciding import DecidingCommand, Report
from workflows_app.models import Workflow
from workflows_app.operations.retire_workflow import RETIRE_WORKFLOW


class Command(DecidingCommand):
    help = "End workflows that are no longer in the code, and hold nothing any more. Their history stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slugs", nargs="+", metavar="slug", help="the workflow's slug")
        super().add_arguments(parser)

    def handle(self, *, slugs: list[str], **options: Any) -> None:
        known = {workflow.slug: workflow for workflow in Workflow.objects.filter(slug__in=slugs)}
        report, found = Report(), []
        for slug in dict.fromkeys(slugs):
            if slug in known:
                found.append(known[slug])
            else:
                report.refuse({"workflow": slug}, "not_found", str(UnknownWorkflow(slug)))
        self.decide(
            [({"workflow": workflow.slug}, workflow) for workflow in found],
            RETIRE_WORKFLOW,
            report,
            question=f"Retire {', '.join(workflow.slug for workflow in found)}?",
            options=options,
        )
