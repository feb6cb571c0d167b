"""Take: a person says that they look into a run, so that nobody else does the same."""

from __future__ import annotations

from typing import Any

from workflows_app.models import OperatorAction, Run
from workflows_app.operations.base import Operation, deciding


def take(run: Run, *, actor: Any, reason: str = "") -> OperatorAction:
    """Write down that `actor` looks into `run`, at any time; also if another person does already.

    Nothing else changes, and nobody is kept from deciding. The next decision about the run ends it: see
    `queries.taking`. Refuses with `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(
        Operation.TAKE_RUN,
        "take_run",
        run.workflow_id,
        actor=actor,
        reason=reason,
        needs_reason=False,
    ) as decision:
        return decision.record(run=run)
