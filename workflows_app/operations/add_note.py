"""Note: a person writes down what was found about a run, for whoever comes next."""

from __future__ import annotations

from typing import Any

from workflows_app.models import OperatorAction, Run
from workflows_app.operations.base import Operation, deciding


def add_note(run: Run, *, actor: Any, text: str) -> OperatorAction:
    """Keep `text` with `run`, at any time. Nothing else changes.

    Refuses with `permission_denied`, `reason_required` (there is nothing to read in it, or too much),
    `unknown_actor`.
    """
    with deciding(
        Operation.ADD_NOTE, "add_note", run.workflow_id, actor=actor, reason=text
    ) as decision:
        return decision.record(run=run)
