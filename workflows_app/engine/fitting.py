"""Whether what came back of a run still fits the run as it is now, under the lock (P1, P3).

Between a call and its answer a person may have decided, or another worker have taken over. And what is
written again, since the answer to COMMIT was lost, finds what it wrote.
"""

from __future__ import annotations

from workflows_app.engine.holding import Hand
from workflows_app.engine.items import Asked, Called, CantAsk, Waits
from workflows_app.engine.outcomes import is_open_question
from workflows_app.engine.phases import Prepared
from workflows_app.models import Run

_BEFORE_CALL = (Run.Phase.PREPARING, Run.Phase.PREPARED)


def is_expected(hand: Hand, run: Run, what: object) -> bool:
    """Tell whether the run is still as it was when the work on it began."""
    if isinstance(what, Called):
        return run.fencing_token == hand.holding.claim.token and is_open_question(run, asked=False)
    if isinstance(what, CantAsk):
        return is_open_question(run, asked=True)
    if isinstance(what, Asked):
        attempts = run.mutation.reconcile_attempts if hasattr(run, "mutation") else -1
        return attempts == what.attempts and is_open_question(run, asked=True)
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
    mutation = getattr(run, "mutation", None)
    if mutation is None:
        return False
    if isinstance(what, Asked):
        return bool(mutation.reconcile_attempts > what.attempts)
    return mutation.ended_at is not None
