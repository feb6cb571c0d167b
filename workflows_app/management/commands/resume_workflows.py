"""`manage.py resume_workflows`: let runs of workflows that are paused start again, each by a decision of its own."""

from __future__ import annotations

from workflows_app.management.of_workflows import WorkflowsCommand
from workflows_app.operations.resume_workflow import RESUME_WORKFLOW


class Command(WorkflowsCommand):
    # Without --all: a workflow that somebody paused for another reason would start with those that are meant.
    help = "Let new runs start again. A run that waits for a person goes on waiting."
    operation = RESUME_WORKFLOW
    question = "Resume {}?"
