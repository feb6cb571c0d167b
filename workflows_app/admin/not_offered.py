"""Why a decision is not offered on the page of a run: nobody shall look for a button that can't be there."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from workflows_app.admin.run_buttons import RUN_BUTTONS
from workflows_app.admin.way_out import SKIP_EVENTS, events_to_skip
from workflows_app.deciders import may_decide_about
from workflows_app.engine.retry import can_be_given_up
from workflows_app.lazy_text import StrOrPromise
from workflows_app.models import Run
from workflows_app.operations.base import deciding_groups
from workflows_app.operations.decide_now import DECIDE_NOW
from workflows_app.operations.declaration import Change
from workflows_app.queries.explanation import Explanation


def not_offered(
    explanation: Explanation, person: Any, offered: set[StrOrPromise]
) -> list[tuple[str, str]]:
    """Return the decisions that belong to the state of the run and are not in `offered`, each with why not."""
    run = explanation.run
    no_permission = _("you don't have the permission for it")
    still_asking = _(
        "the outside system is still being asked; with %(decide_now)s that ends, and you decide"
    )
    missing = []
    for button in RUN_BUTTONS:
        if button.change is None or button.label in offered:
            continue
        refusal = button.refusal(run)
        why = refusal.in_short if refusal else no_permission if button.is_of_use(run) else ""
        if _comes_after_asking(button.change, run):
            why = still_asking % {"decide_now": DECIDE_NOW.label}
        if why:
            missing.append((str(button.label), why))
    if _owes_retry(explanation) and SKIP_EVENTS.label not in offered:
        missing.append((str(SKIP_EVENTS.label), _why_no_way_out(explanation) or no_permission))
    if missing and not may_decide_about(person, run.workflow.slug):
        labels = ", ".join(label for label, _why in missing)
        groups = {"groups": deciding_groups(run.workflow.slug)}
        return [(labels, _("members of %(groups)s decide about this workflow") % groups)]
    return missing


def _comes_after_asking(change: Change, run: Run) -> bool:
    """Tell whether a person may decide so once the host has stopped asking about `run`."""
    is_asking = run.status == Run.Status.RECONCILING
    return is_asking and Run.Status.BLOCKED in change.before and change.after != run.status


def _owes_retry(explanation: Explanation) -> bool:
    run = explanation.run
    return bool(run.status == Run.Status.FAILED and run.owes_retry)


def _why_no_way_out(explanation: Explanation) -> str:
    if not can_be_given_up(explanation.run):
        return _("its outside effect is settled; only what follows from it is missing")
    if not events_to_skip(explanation.run):
        return _("it is about no pending event")
    return ""
