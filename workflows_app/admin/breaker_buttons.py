"""The button of a circuit breaker."""

from __future__ import annotations

from typing import Any

from unfold.enums import ActionVariant

from workflows_app import operations
from workflows_app.admin.buttons import Button
from workflows_app.models import Breaker, OperatorAction


def close_breaker(breaker: Breaker, *, actor: Any, reason: str) -> OperatorAction:
    """Call the operation, which is about the consumer."""
    return operations.close_breaker(breaker.handler, actor=actor, reason=reason)


BUTTONS = (
    Button(
        model=Breaker,
        operation=close_breaker,
        label="Send again",
        permission="close_breaker",
        icon="play_arrow",
        hint="The outside system answers again.",
        consequence=(
            "New calls of this consumer go out at once. What is unknown already stays so, and is"
            " not sent again."
        ),
        applies=lambda breaker: not breaker.lets_calls_out,
        done="calls go out.",
        variant=ActionVariant.PRIMARY,
    ),
)
