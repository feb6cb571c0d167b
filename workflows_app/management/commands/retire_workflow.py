"""`manage.py retire_workflow`: end workflows that are no longer in the code, each by a decision of its own."""

from __future__ import annotations

from workflows_app.management.of_workflows import WorkflowsCommand
from workflows_app.operations.retire_workflow import RETIRE_WORKFLOW


class Command(WorkflowsCommand):
    help = "End workflows that are no longer in the code, and hold nothing any more. Their history stays."
    operation = RETIRE_WORKFLOW
    question = "Retire {}?"
