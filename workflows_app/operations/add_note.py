"""Note: a person writes down what was found about a run, for whoever comes next."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows_app.models import OperatorAction, Run
from workflows_app.operations.base import deciding
from workflows_app.operations.declaration import Operation


def add_note(run: Run, *, actor: Any, text: str) -> OperatorAction:
    """Keep `text` with `run`, at any time. Nothing else changes.

    Refuses with `permission_denied`, `reason_required` (there is nothing to read in it, or too much),
    `unknown_actor`.
    """
    with deciding(ADD_NOTE, run.workflow_id, actor=actor, reason=text) as decision:
        return decision.record(run=run)


ADD_NOTE = Operation(
    code=OperatorAction.Operation.ADD_NOTE,
    function=add_note,
    target=Run,
    change=None,
    icon="edit_note",
    hint=_("You found something that whoever comes next should know."),
    consequence=_("It is kept with this run for good. Nothing else changes."),
    done=_("it is kept with the run."),
    reason_label=_("What did you find?"),
    reason_argument="text",
    is_for_many=False,
)
