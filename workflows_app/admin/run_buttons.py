"""The buttons of a run: how a person settles what only a person can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unfold.enums import ActionVariant

from workflows_app import registry
from workflows_app.admin import consequences
from workflows_app.admin.buttons import Button
from workflows_app.models import Run
from workflows_app.operations import (
    add_note,
    asserting,
    decide_now,
    it_didnt_happen,
    it_happened,
    retry_failed_run,
    skip_run,
    take,
    try_again,
)
from workflows_app.operations.asserting import says_it_happened
from workflows_app.operations.it_happened import checked_result


def is_blocked(run: Run) -> bool:
    """Tell whether a person is to settle `run`."""
    return bool(run.status == Run.Status.BLOCKED)


def is_reconciling(run: Run) -> bool:
    """Tell whether the host is finding out what became of `run`."""
    return bool(run.status == Run.Status.RECONCILING)


def can_ask(run: Run) -> bool:
    """Tell whether the host could ask the outside system about the blocked `run`."""
    return is_blocked(run) and asserting.can_ask(run)


def can_retry(run: Run) -> bool:
    """Tell whether the failed `run` still owes a retry."""
    return run.status == Run.Status.FAILED and run.owes_retry


def waits_for_somebody(run: Run) -> bool:
    """Tell whether there is something about `run` for a person to look into."""
    return is_blocked(run) or is_reconciling(run) or can_retry(run)


def result_fields(run: Run) -> Mapping[str, str]:
    """Return what the mutator of the blocked `run` wants to be told if it happened."""
    if not is_blocked(run):
        return {}
    mutator = registry.mutator(run.workflow.slug, run.mutation.mutator)
    return mutator.result_fields if mutator is not None else {}


def result_told(run: Run, answers: dict[str, str]) -> dict[str, Any]:
    """Return the result that a person told, checked. Raises OperationRefused."""
    return {"result": checked_result(run, answers or None)}


def insisting(run: Run) -> tuple[str, str] | None:
    """Return the tick that an answer needs which says that it happened, if there is one."""
    if not is_blocked(run) or says_it_happened(run.mutation) is None:
        return None
    return "despite_contradiction", "An answer says that it happened. I know that it is wrong"


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
        details_of=consequences.attempted,
        carries_seen=True,
    ),
    Button(
        model=Run,
        operation=it_happened,
        label="It happened",
        permission="assert_happened",
        icon="check_circle",
        hint="You looked in the outside system, and it is there. Nothing is sent; it goes on from there.",
        consequence=(
            "You say that it did happen. Nothing is sent, and the run goes on as if the answer had "
            "arrived."
        ),
        applies=is_blocked,
        done="the run goes on from there.",
        variant=ActionVariant.PRIMARY,
        warning=("If it did not happen, nobody will ever do it. Look in the outside system first."),
        details="workflows_app/dialog_mutation.html",
        details_of=consequences.happened,
        carries_seen=True,
        options={"probe": True},
        asks=result_fields,
        answered=result_told,
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
        details_of=consequences.sent_again,
        carries_seen=True,
        options={"probe": True},
        tick=consequences.looked,
        tick_for_many="I looked for each of these in the outside system, and none is there",
        insists=insisting,
    ),
    Button(
        model=Run,
        operation=skip_run,
        label="Skip",
        permission="skip_run",
        icon="skip_next",
        hint="Nobody can find out, or it is no longer needed. Nothing is sent; its lane goes on.",
        consequence=(
            "This is abandoned: it is not sent again, its events are skipped for good, and the "
            "workflow goes on. Whether it happened stays unknown here. This can't be undone."
        ),
        applies=is_blocked,
        done="the run goes on without it.",
        variant=ActionVariant.WARNING,
        details="workflows_app/dialog_mutation.html",
        details_of=consequences.skipped,
        carries_seen=True,
    ),
    Button(
        model=Run,
        operation=decide_now,
        label="Decide now",
        permission="decide_now",
        icon="pan_tool",
        hint="You know what happened, or won't wait. The host stops asking.",
        consequence=(
            "The host stops asking, and the run waits for you: then say that it happened, that it "
            "didn't, or skip it. By this alone nothing is settled, and nothing is sent."
        ),
        applies=is_reconciling,
        done="the host has stopped asking. Say now what happened.",
        variant=ActionVariant.PRIMARY,
        details="workflows_app/dialog_mutation.html",
        details_of=consequences.attempted,
        carries_seen=True,
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
        details="workflows_app/dialog_mutation.html",
        details_of=consequences.retried,
        carries_seen=True,
    ),
    Button(
        model=Run,
        operation=take,
        label="Take",
        permission="take_run",
        icon="front_hand",
        hint="You look into it now: the others see that.",
        consequence=(
            "The others see that you look into this. Nothing else changes, and everybody can still decide."
        ),
        applies=waits_for_somebody,
        done="the others see that you look into it.",
        details="workflows_app/dialog_mutation.html",
        details_of=consequences.attempted,
        reason_label="Anything to say?",
        needs_reason=False,
    ),
    Button(
        model=Run,
        operation=add_note,
        label="Note",
        permission="add_note",
        icon="edit_note",
        hint="You found something that whoever comes next should know.",
        consequence="It is kept with this run for good. Nothing else changes.",
        applies=lambda run: True,
        done="it is kept with the run.",
        details="workflows_app/dialog_mutation.html",
        details_of=consequences.attempted,
        reason_label="What did you find?",
        reason_argument="text",
        is_for_many=False,
    ),
)
