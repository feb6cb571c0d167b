"""How things are called on pages, and the colours of statuses: red waits for a person, orange for time,
green is done.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app.models import Mutation, Run, Workflow

#: How a run stands of which a person said that it did not happen, so that another one does it again.
SENT_AGAIN = "sent-again"
#: How a workflow stands that a person has ended, whatever its status was.
RETIRED = "retired"
#: By what `state_of` returns.
STATUS_LABELS = {
    "blocked": "danger",
    "indeterminate": "danger",
    "failed": "danger",
    "did-not-happen": "warning",
    "reconciling": "warning",
    "needs-reconcile": "warning",
    "in-flight": "info",
    "paused": "warning",
    "open": "danger",
    "half-open": "warning",
    RETIRED: "default",
    "closed": "success",
    "active": "info",
    "pending": "info",
    "reserved": "info",
    "committed": "success",
    "consumed": "success",
    "applied": "success",
    "skipped": "default",
    "crashed": "default",
    "waiting": "default",
    SENT_AGAIN: "default",
}
#: The words of `queries.health.STATES`, as people read them.
_STATES = {
    "blocked": gettext_lazy("blocked"),
    "failed": gettext_lazy("failed"),
    "backing off": gettext_lazy("backing off"),
    "reconciling": gettext_lazy("reconciling"),
    "no worker": gettext_lazy("no worker"),
    "paused": gettext_lazy("paused"),
    "working": gettext_lazy("working"),
    "idle": gettext_lazy("idle"),
}


def state_of(row: Any) -> str:
    """Return the status of a row in one word, in whatever language it is shown."""
    if isinstance(row, Mutation) and row.status == Mutation.Status.FAILED:
        return "did-not-happen"
    if isinstance(row, Workflow) and row.retired_at is not None:
        return RETIRED
    return str(row.status).replace("_", "-")


def css_state(row: Any) -> str:
    """Return the status of a row as a part of a CSS class, of rows without one nothing."""
    return state_of(row) if hasattr(row, "status") else ""


def state_in_words(state: str) -> str:
    """Return how a workflow or a lane stands, as people read it."""
    return str(_STATES.get(state, state))


def lane_label(lane: str | None) -> str:
    """Return the name of a lane in a list or a table."""
    if lane is None:
        return _("not named yet")
    return lane or _("main")


def in_words(row: Any) -> str:
    """Return how a row stands, as its list says it."""
    if isinstance(row, Run):
        return state_of_run(row)[1]
    if isinstance(row, Workflow) and row.retired_at is not None:
        return _("Retired")
    return str(row.get_status_display())


def state_of_run(run: Run) -> tuple[str, str]:
    """Return how a run stands, in one word and in the reader's. Reads its outside effect unless it is there."""
    return state_with(run, run.settled_mutation)


def state_with(run: Run, effect: Mutation | None) -> tuple[str, str]:
    """Return the same of a run with this outside effect, its own or the one that it carries.

    What a person has settled by saying that it did not happen is no failure; what was given up is not “committed”.
    """
    if run.is_sent_again_after(effect):
        return SENT_AGAIN, _("Sent again")
    is_done = run.status == Run.Status.COMMITTED
    if is_done and effect is not None and effect.status == Mutation.Status.SKIPPED:
        return str(effect.status), str(effect.get_status_display())
    if run.waits_for_turn:
        return "waiting", _("Waiting")
    return state_of(run), str(run.get_status_display())
