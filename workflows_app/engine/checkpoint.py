"""The checkpoint: what is durable before the call leaves (P1).

All events reserved or none, the prepare result, and the ledger row with the parameters and the
idempotency key. An event that is no longer as `prepare` saw it, or that a publisher is changing, fails
the checkpoint of its run: nothing of it is reserved, and it starts over.

What may have changed while a run was prepared, or waited for its place, is looked at under the lock too: once Pause
is committed no call leaves, nor does one while the breaker of its consumer is open, or under another version than
the active one. Such a run is given back: nothing has happened, and it goes on when calls go out again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from workflows_app.engine import prepared as prepare_results
from workflows_app.engine.case import Case
from workflows_app.engine.holding import Hand
from workflows_app.engine.items import Waits
from workflows_app.engine.log import log
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.phases import Call, Prepared
from workflows_app.models import Breaker, Event, Mutation, Reservation, Run, Workflow
from workflows_app.models.copies import new
from workflows_app.models.saving import insert_all, save_with_history

#: What a checkpoint changes of a run.
_CHECKED = ["phase", "title", "prepare_result", "idempotency_key", "fencing_token"]


def check(case: Case, hand: Hand, what: Prepared, locked: Mapping[int, Event]) -> Todo | None:
    """Write the checkpoint, and return what is next; None if the run must start over. Needs the lock.

    `locked`: the events that it wants, as they are now and locked; those that somebody holds are not
    among them.
    """
    run = case.run
    if what.call is not None and (why := _why_not_now(case, hand)):
        nobody_executes(run, f"not sent: {why}")
        log("run.given_back", run, lane=run.lane, why=why)
        return Todo.NOTHING
    has_waited = run.fencing_token is None
    run.fencing_token = case.claim.token
    if not what.is_again:
        if not _are_as_seen(case, what, locked):
            if has_waited:
                save_with_history(run, reason="starts over", fields=["fencing_token"])
            return None
        _reserve(case, what, [locked[record.id] for record in what.result.reservations])
    if what.call is None:
        if not what.is_again:
            save_with_history(run, reason="prepared; there is nothing to call", fields=_CHECKED)
        return Todo.NEXT
    _enter_ledger(case, what.call)
    return Todo.CALL


def _why_not_now(case: Case, hand: Hand) -> str:
    """Return why a call must not leave now, or nothing."""
    breaker = case.breakers.get(case.run.handler_id)
    if hand.holding.is_closing:
        return "its worker gives the workflow back"
    if not hand.holding.is_current:
        return "another version is active"
    if case.workflow.status == Workflow.Status.PAUSED:
        return "the workflow is paused"
    if breaker is None or breaker.lets_calls_out or hand.is_ordered:
        return ""
    # One of an earlier time that it was open is none: another one may be under way.
    is_trial = breaker.status == Breaker.Status.HALF_OPEN and hand.trial_at == breaker.trial_at
    return "" if is_trial else "the circuit breaker of its consumer is open"


def let_wait(case: Case, what: Waits) -> Todo:
    """Write that the run waits for a place: whatever ends its worker, this run does not. Needs the lock."""
    nobody_executes(case.run, "waits for a place")
    return Todo.WAIT if what.in_hand else Todo.NOTHING


def nobody_executes(run: Run, why: str) -> None:
    """Let `run` be continued by whoever may; its events are as they were before. Needs the lock."""
    run.fencing_token = None
    save_with_history(run, reason=why, fields=["fencing_token"])


def _are_as_seen(case: Case, what: Prepared, locked: Mapping[int, Event]) -> bool:
    """Tell whether its events are still as `prepare` saw them, and nobody's."""
    for record in what.result.reservations:
        event = locked.get(record.id)
        if event is None or event.revision != record.revision:
            return False
        if record.id in case.changes.republished:
            return False
        if event.status != Event.Status.PENDING or event.lane != case.run.lane:
            return False
    return True


def _reserve(case: Case, what: Prepared, events: list[Event]) -> None:
    run = case.run
    run.set_prepared()
    run.title = what.result.title
    run.prepare_result = prepare_results.to_json(what.result)
    run.idempotency_key = uuid.uuid4().hex
    for event in events:
        event.reserve(run)
        case.changes.reserved.add(event.pk)
        save_with_history(
            event, reason=f"reserved by run {run.pk}", fields=["status", "reserved_by"]
        )
    insert_all([new(Reservation, run_id=run.pk, event_id=event.pk) for event in events])


def _enter_ledger(case: Case, call: Call) -> None:
    """Write the mutation before it is sent."""
    run = case.run
    run.set_mutating()
    save_with_history(run, reason=f"about to call {call.mutator.name}", fields=_CHECKED)
    mutation = new(
        Mutation,
        run=run,
        mutator=call.mutator.name,
        params=call.params,
        target=call.target,
        idempotency_key=run.idempotency_key,
        sent_at=case.now,
    )
    run._state.fields_cache["mutation"] = mutation
    save_with_history(mutation, reason="about to be sent")
