"""Send again: a person lets the calls of a consumer go out, which its circuit breaker holds back (P8).

What is in flight or unknown stays so: nothing is sent again by this, only new calls go out.
"""

from __future__ import annotations

from typing import Any

from workflows_app.errors import OperationRefused
from workflows_app.models import Breaker, Handler, OperatorAction
from workflows_app.operations.base import Operation, deciding, last_decision


def close_breaker(handler: Handler, *, actor: Any, reason: str) -> OperatorAction:
    """Close the breaker of a consumer that is open, or half open: its count begins anew.

    Refuses with `not_open`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(
        Operation.CLOSE_BREAKER, "close_breaker", handler.workflow_id, actor=actor, reason=reason
    ) as decision:
        breaker = Breaker.objects.filter(handler=handler).first()
        if breaker is None or breaker.lets_calls_out:
            told = last_decision(
                OperatorAction.objects.filter(
                    workflow=decision.workflow, operation=Operation.CLOSE_BREAKER
                )
            )
            raise OperationRefused(
                "not_open", f"The breaker of {handler} is not open: its calls go out.{told}"
            )
        breaker.close()
        decision.save(breaker)
        return decision.record()
