"""The buttons of a run: how a person settles what only a person can."""

from __future__ import annotations

from typing import Any

from unfold.enums import ActionVariant

from workflows_app import registry
from workflows_app.admin.base import pretty_json
from workflows_app.admin.buttons import Button
from workflows_app.models import Run
from workflows_app.operations import it_didnt_happen, retry_failed_run, skip_run, try_again
from workflows_app.queries.explanation import late_answer


def is_blocked(run: Run) -> bool:
    """Tell whether a person is to settle `run`."""
    return bool(run.status == Run.Status.BLOCKED)


def can_ask(run: Run) -> bool:
    """Tell whether the host could ask the outside system about the blocked `run`."""
    if not is_blocked(run):
        return False
    mutator = registry.mutator(run.workflow.slug, run.mutation.mutator)
    return mutator is not None and mutator.can_reconcile()


def can_retry(run: Run) -> bool:
    """Tell whether the failed `run` still owes a retry."""
    return run.status == Run.Status.FAILED and run.owes_retry


def attempted(run: Run) -> dict[str, Any]:
    """Return what the host was told to do outside, as it saw it, and what was heard too late."""
    mutation = run.settled_mutation
    return {
        "mutation": mutation,
        "params": pretty_json(mutation.params) if mutation else "",
        "late": late_answer(mutation.evidence.all()) if mutation else None,
    }


#: The relations that `attempted` reads.
ATTEMPTED_READS = ("mutation__evidence", "carried_mutation__evidence")

RUN_BUTTONS = (
    Button(
        model=Run,
        operation=try_again,
        label="Try again",
        permission="try_again",
        icon="sync",
        hint="You don't know, but the outside system may answer now.",
        consequence=(
            "The host asks the outside system again whether it happened. Nothing is sent a second "
            "time. Use it when the outside system was away and may answer now."
        ),
        applies=can_ask,
        done="the host asks the outside system now.",
        variant=ActionVariant.PRIMARY,
        details="workflows_app/dialog_mutation.html",
        details_context=attempted,
        details_read=ATTEMPTED_READS,
    ),
    Button(
        model=Run,
        operation=it_didnt_happen,
        label="It didn't happen",
        permission="assert_not_happened",
        icon="replay",
        hint="You looked in the outside system, and it is not there. It is sent again.",
        consequence=(
            "You say that it did not happen. A new run sends it again, with the same parameters "
            "and the same idempotency key."
        ),
        applies=is_blocked,
        done="a new run sends it again.",
        variant=ActionVariant.DANGER,
        warning=(
            "If it did happen, doing it again makes a duplicate. Look in the outside system first."
        ),
        details="workflows_app/dialog_mutation.html",
        details_context=attempted,
        details_read=ATTEMPTED_READS,
    ),
    Button(
        model=Run,
        operation=skip_run,
        label="Skip",
        permission="skip_run",
        icon="skip_next",
        hint="It did happen, or it is no longer needed. Nothing is sent; the workflow goes on.",
        consequence=(
            "This is abandoned: it is not sent again, its events are skipped for good, and the "
            "workflow goes on. Whether it happened stays unknown here. This can't be undone."
        ),
        applies=is_blocked,
        done="the run goes on without it.",
        variant=ActionVariant.WARNING,
        details="workflows_app/dialog_mutation.html",
        details_context=attempted,
        details_read=ATTEMPTED_READS,
    ),
    Button(
        model=Run,
        operation=retry_failed_run,
        label="Retry now",
        permission="retry_failed_run",
        icon="replay",
        hint="The cause is gone, and it need not wait any longer.",
        consequence=(
            "A new run starts now, without waiting. What was applied outside is not sent again; "
            "only what is missing is done."
        ),
        applies=can_retry,
        done="a new run was made.",
        variant=ActionVariant.PRIMARY,
        details="workflows_app/dialog_mutation.html",
        details_context=attempted,
        details_read=ATTEMPTED_READS,
    ),
)
