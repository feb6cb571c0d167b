"""`manage.py pause_workflows`: let no new run of some workflows start, or of all, each by a decision of its own."""

from __future__ import annotations

from workflows_app.management.of_workflows import WorkflowsCommand
from workflows_app.models import Workflow
from workflows_app.operations.pause_workflow import PAUSE_WORKFLOW


class Command(WorkflowsCommand):
    help = "Let no new run start until somebody resumes. What has begun outside is still settled."
    operation = PAUSE_WORKFLOW
    question = "Pause {}?"
    all_that_are = Workflow.Status.ACTIVE.value
