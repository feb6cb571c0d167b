"""What comes back of a run: whether it still fits the run, under the lock, and what it changes (P1, P3).

Between a call and its answer a person may have decided, or another worker have taken over. And what is
written again, since the answer to COMMIT was lost, finds what it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping

from workflows_app.engine import checkpoint, commit, outcomes, recovery, retry
from workflows_app.engine.case import Case
from workflows_app.engine.holding import Hand
from workflows_app.engine.items import Asked, Called, CantAsk, Item, Waits
from workflows_app.engine.outcomes import Todo, is_open_question
from workflows_app.engine.phases import Broke, Finished, Hung, Polled, Prepared
from workflows_app.models import Event, Run

_BEFORE_CALL = (Run.Phase.PREPARING, Run.Phase.PREPARED)


def is_expected(hand: Hand, run: Run, what: object) -> bool:
    """Tell whether the run is still as it was when the work on it began."""
    if isinstance(what, Called):
        return run.fencing_token == hand.holding.claim.token and is_open_question(run, asked=False)
    if isinstance(what, CantAsk):
        return is_open_question(run, asked=True)
    if isinstance(what, Asked):
        is_open = is_open_question(run, asked=True)
        return is_open and run.mutation.reconcile_attempts == what.attempts
    if isinstance(what, Waits) and what.in_hand and run.phase not in _BEFORE_CALL:
        return False
    # Nobody executes what waits for a place.
    nobody = (None,) if isinstance(what, Prepared | Waits) else ()
    is_ours = run.fencing_token in (hand.holding.claim.token, *nobody)
    return is_ours and run.status == Run.Status.ACTIVE and run.phase == hand.run.phase


def is_checked(hand: Hand, run: Run) -> bool:
    """Tell whether the checkpoint of this run is there."""
    is_ours = run.status == Run.Status.ACTIVE and run.fencing_token == hand.holding.claim.token
    if run.phase == Run.Phase.MUTATING:
        return is_ours and is_open_question(run, asked=False)
    return is_ours and run.phase == Run.Phase.PREPARED and bool(run.idempotency_key)


def is_told(run: Run, what: Called | Asked) -> bool:
    """Tell whether the answer is in the ledger."""
    mutation = run.own_mutation
    if mutation is None:
        return False
    if isinstance(what, Asked):
        return bool(mutation.reconcile_attempts > what.attempts)
    return mutation.ended_at is not None


def write(case: Case, item: Item, locked: Mapping[int, Event]) -> Todo | None:
    """Write what came back of a run; return what it does next, or None if it must start over.

    Needs the workflow's lock, and the run as `item` expects it.
    """
    what = item.what
    match what:
        case Prepared():
            return checkpoint.check(case, item.hand, what, locked)
        case Waits():
            return checkpoint.let_wait(case, what)
        case Called():
            return outcomes.settle_call(case, what.finding)
        case Asked(finding, _, asked_at):
            return outcomes.settle_reconcile(case, finding, asked_at=asked_at)
        case CantAsk():
            return outcomes.block(case, what.why)
        case Finished():
            commit.commit_finished(case, what)
        case Polled():
            commit.commit_polled(case, what)
        case Broke():
            retry.end_failed(case, what.kind, what.message, phase=what.phase, where=what.traceback)
        case Hung():
            return recovery.recover(case, why=what.why)
    return Todo.NOTHING
