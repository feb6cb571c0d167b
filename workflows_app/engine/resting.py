"""Giving workflows back in which there is nothing to do, and keeping the claims of the others (P2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from workflows_app.conf import policy
from workflows_app.engine.case import Changes
from workflows_app.engine.claims import spare
from workflows_app.engine.holding import Holding, tell_left_to_others
from workflows_app.engine.items import Step, Taken
from workflows_app.engine.outcomes import OUTSIDE
from workflows_app.engine.sight import Sight
from workflows_app.models import Run, Workflow
from workflows_app.models.collecting import then
from workflows_app.models.rows import Tuples, columns

_REST = """
    UPDATE workflows_app_lease lease
       SET holder = '', expires_at = NULL, next_due_at = resting.due_at, listens = resting.listens
      FROM unnest($1::bigint[], $2::timestamptz[], $3::boolean[])
           AS resting(workflow, due_at, listens)
     WHERE lease.workflow_id = resting.workflow
"""
_EXTEND = """
    UPDATE workflows_app_lease lease SET expires_at = kept.until
      FROM unnest($1::bigint[], $2::timestamptz[]) AS kept(workflow, until)
     WHERE lease.workflow_id = kept.workflow
"""


def rest_or_extend(
    holdings: Iterable[Holding], sight: Sight, taken: Taken, changes: Changes
) -> None:
    """Give back what has nothing to do, nothing in hand, and has lingered; keep the claims of the rest.

    What this turn has written it has not seen: events for others, a retry, a question to be asked later.
    Then the next turn looks, and knows when the workflow is due again. Needs the workflows' locks, within
    `collected`.
    """
    holdings = list(holdings)
    busy = {step.hand.holding.id for step in taken.steps if not step.has_ended}
    outside = {step.hand.holding.id for step in taken.steps if step.todo in OUTSIDE}
    named = {holding.id for holding, _ in taken.unnamed}
    taken.has_more |= {step.hand.holding.id for step in taken.steps if _leaves_something(step)}
    taken.has_more |= {h.id for h in holdings if any(pk in h.handlers for pk, _ in changes.news)}
    ended = {(step.hand.holding.id, step.run.pk) for step in taken.steps if step.has_ended}
    resting: list[tuple[int, datetime | None, bool]] = []
    kept: list[tuple[int, datetime]] = []
    for holding in holdings:
        in_hand = any((holding.id, pk) not in ended for pk in list(holding.hands))
        has_more = holding.id in busy | named | taken.has_more
        if sight.has_looked and not in_hand and not has_more and not holding.lingers():
            taken.rested.append(holding)
            resting.append(_rest(holding, taken))
            continue
        calls = holding.id in outside or any(
            hand.run.phase == Run.Phase.MUTATING for hand in list(holding.hands.values())
        )
        until = _kept_until(holding, sight, calls=calls)
        if until is not None:
            kept.append((holding.id, until))
    if resting:
        then(Tuples(_REST, columns(resting, 3)))
    if kept:
        then(Tuples(_EXTEND, columns(kept, 2)))


def _leaves_something(step: Step) -> bool:
    """Tell whether the run has left this worker's hands, and may have to be seen to again."""
    return step.has_ended and step.run.status != Run.Status.COMMITTED


def _rest(holding: Holding, taken: Taken) -> tuple[int, datetime | None, bool]:
    if not holding.is_current:
        # Deployed meanwhile. It stays due, for a worker that has the new code.
        tell_left_to_others(holding.workflow, holding.code.version)
    if holding.is_closing or not holding.is_current:
        return holding.id, taken.now, True
    listens = holding.workflow.status != Workflow.Status.PAUSED
    return holding.id, taken.looked.get(holding.id), listens


def _kept_until(holding: Holding, sight: Sight, *, calls: bool) -> datetime | None:
    """Return until when the claim is to be kept, or None if it lasts: no call may outlive it."""
    expires_at = sight.locked[holding.id].expires_at
    longest = holding.longest_call_seconds if calls else 0.0
    until = sight.database_now + timedelta(seconds=longest + policy().lease_seconds)
    if expires_at is not None and expires_at >= until:
        return None
    return until + spare()
