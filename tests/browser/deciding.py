"""What the stories of decisions share: the words of a dialog, and what was decided."""

from __future__ import annotations

from workflows_app.models import OperatorAction

WARNING = "If it did happen, doing it again makes a duplicate: scripted → the script. Look in the outside system first."
REASON = "Why?"
NO_LONGER_WANTED = "“Pay invoice 42” is no longer wanted, or"
LOOKED = "(the script) in the outside system, and it is not there"


def decisions() -> list[tuple[str, str, str]]:
    rows = OperatorAction.objects.order_by("pk")
    return list(rows.values_list("operation", "actor__username", "reason"))
