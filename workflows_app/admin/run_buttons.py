"""The buttons of a run: how a person settles what only a person can, and what the dialog of each shows."""

from __future__ import annotations

from typing import Any

from workflows_app.admin import consequences, ticks
from workflows_app.admin.buttons import button
from workflows_app.models import OperatorAction, Run
from workflows_app.operations import DECLARED

Code = OperatorAction.Operation

#: What the dialog tells besides what was attempted.
_SHOWN: dict[str, dict[str, Any]] = {
    Code.IT_HAPPENED: {"details_of": consequences.happened, "tick": ticks.is_there},
    Code.IT_DIDNT_HAPPEN: {"details_of": consequences.sent_again, "tick": ticks.is_not_there},
    Code.SKIP_RUN: {"details_of": consequences.skipped, "tick": ticks.is_given_up},
    Code.TRY_AGAIN: {"details_of": consequences.asked_again},
    Code.RETRY_FAILED_RUN: {"details_of": consequences.retried},
}

#: In the order in which a person comes to them who has looked: what they found, and what is left if they did not.
RUN_BUTTONS = tuple(
    button(
        operation,
        details="workflows_app/dialog_mutation.html",
        **{"details_of": consequences.attempted, **_SHOWN.get(operation.code, {})},
    )
    for operation in sorted(DECLARED, key=lambda each: each.code == Code.TRY_AGAIN)
    if operation.target is Run
)
