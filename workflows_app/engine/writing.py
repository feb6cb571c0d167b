"""What each thing that comes back of a run changes."""

from __future__ import annotations

from collections.abc import Mapping

from workflows_app.engine import checkpoint, commit, outcomes, recovery, retry
from workflows_app.engine.case import Case
from workflows_app.engine.items import Asked, Called, CantAsk, Item, Waits
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.phases import Broke, Finished, Hung, Polled, Prepared
from workflows_app.models import Event


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
            commit.commit_finished(case, what, item.hand.lane)
        case Polled():
            commit.commit_polled(case, what)
        case Broke():
            retry.end_failed(case, what.kind, what.message, phase=what.phase, where=what.traceback)
        case Hung():
            return recovery.recover(case, token=case.claim.token, why=what.why)
    return Todo.NOTHING
