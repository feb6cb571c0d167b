"""What the stories of decisions share: the words of a dialog, and what was decided."""

from __future__ import annotations

from workflows_app.models import OperatorAction

WARNING = (
    "If it did happen, doing it again makes a duplicate: scripted → the script. Nothing protects from that."
    " Look in the outside system first."
)
REASON = "Why?"
NOBODY_WAITS = "Nobody waits for “Pay invoice 42” any more"
LOOKED = "(the script) in the outside system, and it is not there"


def decisions() -> list[tuple[str, str, str]]:
    rows = OperatorAction.objects.order_by("pk")
    return list(rows.values_list("operation", "actor__username", "reason"))
