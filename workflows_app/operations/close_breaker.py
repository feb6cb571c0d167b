"""Send again: a person lets the calls of a consumer go out, which its circuit breaker holds back (P8).

What is in flight or unknown stays so: nothing is sent again by this, only new calls go out.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows_app.models import Breaker, Handler, OperatorAction
from workflows_app.operations.base import deciding
from workflows_app.operations.declaration import Change, Operation


def close_breaker(handler: Handler, *, actor: Any, reason: str) -> OperatorAction:
    """Close the breaker of a consumer that is open, or half open: its count begins anew.

    Refuses with `not_open`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(CLOSE_BREAKER, handler.workflow_id, actor=actor, reason=reason) as decision:
        # Without a row there was no unknown outcome yet: it is closed.
        breaker = Breaker.objects.filter(handler=handler).first() or Breaker(handler=handler)
        CLOSE_BREAKER.require(breaker, decision.actor)
        breaker.close()
        decision.save(breaker)
        return decision.record()


CLOSE_BREAKER = Operation(
    code=OperatorAction.Operation.CLOSE_BREAKER,
    function=close_breaker,
    target=Breaker,
    subject=lambda breaker: breaker.handler,
    refuses=("not_open", _("The breaker of %(row)s is not open: its calls go out.")),
    is_of_use=lambda breaker: breaker.handler.workflow.retired_at is None,
    change=Change((Breaker.Status.OPEN, Breaker.Status.HALF_OPEN), Breaker.Status.CLOSED),
    icon="play_arrow",
    weight="primary",
    hint=_("The outside system answers again."),
    consequence=_(
        "New calls of this consumer are no longer held back. What is unknown already stays so, and is not sent"
        " again."
    ),
    done=_("its calls are no longer held back."),
)
