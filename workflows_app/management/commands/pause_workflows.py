"""`manage.py pause_workflows`: let no new run of some workflows start, or of all, each by a decision of its own."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from workflows_app.management.deciding import Report
from workflows_app.management.exits import wrong_usage
from workflows_app.management.of_workflows import WorkflowsCommand
from workflows_app.models import Workflow
from workflows_app.operations.pause_workflow import PAUSE_WORKFLOW


class Command(WorkflowsCommand):
    help = "Let no new run start until somebody resumes. What has begun outside is still settled."
    operation = PAUSE_WORKFLOW
    question = "Pause {}?"
    nargs = "*"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--all", action="store_true", help="all workflows that are active and not retired"
        )

    def handle(self, *, slugs: list[str], all: bool = False, **options: Any) -> None:
        if bool(slugs) == all:
            raise wrong_usage("Name workflows by their slugs, or use --all.")
        if not all:
            return super().handle(slugs=slugs, **options)
        active = Workflow.objects.filter(status=Workflow.Status.ACTIVE, retired_at=None)
        return self.decide_about(list(active.order_by("slug")), Report(), options)
