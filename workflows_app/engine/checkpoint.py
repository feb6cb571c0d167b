"""The checkpoint: what is durable before the call leaves (P1).

All events reserved or none, the prepare result, and the ledger row with the parameters and the
idempotency key. An event that is no longer as `prepare` saw it, or that a publisher is changing, fails
the checkpoint of its run: nothing of it is reserved, and it starts over.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from workflows_app.engine import prepared as prepare_results
from workflows_app.engine.case import Case
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.phases import Call, Prepared
from workflows_app.models import Event, Mutation, Reservation
from workflows_app.models.copies import new
from workflows_app.models.saving import insert_all, save_with_history

#: What a checkpoint changes of a run.
_CHECKED = ["phase", "title", "prepare_result", "idempotency_key"]


def check(case: Case, what: Prepared, locked: Mapping[int, Event]) -> Todo | None:
    """Write the checkpoint, and return what is next; None if the run must start over. Needs the lock.

    `locked`: the events that it wants, as they are now and locked; those that somebody holds are not
    among them.
    """
    if not what.is_again:
        for record in what.result.reservations:
            event = locked.get(record.id)
            if event is None or event.revision != record.revision:
                return None
            if record.id in case.changes.republished:
                return None
            if event.status != Event.Status.PENDING or event.lane != case.run.lane:
                return None
        _reserve(case, what, [locked[record.id] for record in what.result.reservations])
    run = case.run
    if what.call is None:
        if not what.is_again:
            save_with_history(run, reason="prepared; there is nothing to call")
        return Todo.NEXT
    _enter_ledger(case, what.call)
    return Todo.CALL


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
    case.events = events
    insert_all([new(Reservation, run_id=run.pk, event_id=event.pk) for event in events])


def _enter_ledger(case: Case, call: Call) -> None:
    """Write the mutation before it is sent."""
    run = case.run
    run.set_mutating()
    save_with_history(run, reason=f"about to call {call.mutator.name}", fields=_CHECKED)
    run.mutation = new(
        Mutation,
        run=run,
        mutator=call.mutator.name,
        params=call.params,
        target=call.target,
        idempotency_key=run.idempotency_key,
        sent_at=case.now,
    )
    save_with_history(run.mutation, reason="about to be sent")
