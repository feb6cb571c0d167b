"""The first phase: `prepare` and `mutate` in memory, then the checkpoint (P1).

The checkpoint is one durable transaction, before the call leaves: all events reserved or none, the
prepare result, and the ledger row with the parameters and the idempotency key. An event that is no
longer as `prepare` saw it fails the whole checkpoint, and the run starts over. So does one that a
publisher is changing: the checkpoint holds the workflow, and must not wait for an application.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from workflows_app.engine import prepared as prepare_results
from workflows_app.engine import retry
from workflows_app.engine.claims import extend, held, held_reading
from workflows_app.engine.contexts import PrepareView
from workflows_app.engine.outlasting import outlast
from workflows_app.engine.work import Work
from workflows_app.errors import (
    EventsKeepChanging,
    UndeclaredMutator,
    WrongReturn,
)
from workflows_app.models import Event, Mutation, Reservation, Run, Workflow
from workflows_app.models.reading import Compiled
from workflows_app.models.saving import insert_all, save_with_history
from workflows_app.sdk.deadlines import machine_seconds
from workflows_app.sdk.handlers import Consumer
from workflows_app.sdk.json_values import copied, json_value
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.values import MutationCall, PrepareResult

#: How often a run starts over because events changed under it.
ATTEMPTS = 5
#: What it leaves a publisher that is changing one of them, the first time; it doubles each time.
_PAUSE_SECONDS = 0.05
TARGET_LENGTH = 300

_LOCKED_EVENTS = Compiled(
    lambda ids: (
        Event.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(pk__in=ids)
        .order_by("pk")
    )
)


class _Checkpoint(Enum):
    """How a checkpoint went."""

    DONE = "all events are reserved"
    CHANGED = "an event is no longer as prepare saw it"
    CHANGING = "a publisher holds an event"


@dataclass(frozen=True)
class Call:
    """A checked `MutationCall`: parameters as they are stored and sent."""

    mutator: type[Mutator]
    params: dict[str, Any]
    target: str


def run_prepare(work: Work) -> PrepareResult | None:
    """Run `prepare`, `mutate` and the checkpoint. Commits.

    Returns the prepare result when the run goes on, None when the attempt failed. Raises Fenced.
    """
    for attempt in range(ATTEMPTS):
        consumer = _consumer(work)
        phase = Run.Phase.PREPARING
        try:
            result = _prepare(work, consumer)
            phase = Run.Phase.PREPARED
            call = _mutate(work, consumer, result) if result.reservations else None
        except Exception as error:
            retry.fail(work, retry.kind_of(error), error, phase=phase.value)
            return None
        if not result.reservations:
            work.run.title = result.title
            work.run.prepare_result = prepare_results.to_json(result)
            return result
        checkpoint = outlast(
            partial(_checkpoint, work, result, call), within_seconds=work.policy.lease_seconds
        )
        if checkpoint is _Checkpoint.DONE:
            return result
        if checkpoint is _Checkpoint.CHANGING:
            time.sleep(_PAUSE_SECONDS * 2**attempt)
    changing = EventsKeepChanging(ATTEMPTS)
    retry.fail(work, retry.Kind.TRANSIENT, changing, phase=Run.Phase.PREPARING.value)
    return None


def run_mutate_again(work: Work) -> PrepareResult | None:
    """Run `mutate` of a run that took over a prepare result, and the checkpoint. Commits.

    Returns the prepare result when the run goes on, None when the attempt failed. Raises Fenced.
    """
    result = prepare_results.from_run(work.run)
    try:
        call = _mutate(work, _consumer(work), result)
    except Exception as error:
        retry.fail(work, retry.kind_of(error), error, phase=work.run.phase)
        return None
    if call is not None:
        outlast(partial(_enter_again, work, call), within_seconds=work.policy.lease_seconds)
    return result


def _enter_again(work: Work, call: Call, again: bool) -> None:
    with held(work.claim) as workflow:
        if not (again and work.reread().phase == Run.Phase.MUTATING):
            _enter_ledger(work, call, workflow)


def _consumer(work: Work) -> type[Consumer]:
    handler = work.handler_code
    assert issubclass(handler, Consumer)
    return handler


def _prepare(work: Work, consumer: type[Consumer]) -> PrepareResult:
    view = PrepareView(consumer, work.run.workflow, work.policy, work.clock())
    result = consumer().prepare(view, copied(work.run.handler.state))
    view.raise_violation()
    return prepare_results.checked(result, consumer, work.policy, view.offered)


def _mutate(work: Work, consumer: type[Consumer], result: PrepareResult) -> Call | None:
    call = consumer().mutate(result.copied())
    if call is None:
        return None
    who = f"{consumer.handler_name()}.mutate"
    if not isinstance(call, MutationCall):
        raise WrongReturn(f"{who}: its answer", "a MutationCall or None", call)
    name = getattr(call.mutator, "name", "") or repr(call.mutator)
    # By name, so that a test can let another class play in its place.
    mutator = work.code.mutator_named(name)
    if mutator is None:
        declared = [mutator.name for mutator in work.code.mutators]
        raise UndeclaredMutator(consumer.handler_name(), name, declared)
    if not isinstance(call.params, dict):
        raise WrongReturn(f"{who}: params", "a dict", call.params)
    limit = work.policy.json_max_bytes
    params = json_value(call.params, field="params", limit_bytes=limit)
    target = mutator().target(copied(params))
    if not isinstance(target, str):
        raise WrongReturn(f"{mutator.name}.target", "text", target)
    clean = json_value(target, field="target", limit_bytes=limit)
    return Call(mutator, params, clean[:TARGET_LENGTH])


def _checkpoint(work: Work, result: PrepareResult, call: Call | None, again: bool) -> _Checkpoint:
    """Reserve all of `result`, or nothing unless all is as it was seen. Commits; raises Fenced.

    `again`: unless that was done the first time.
    """
    seen = {record.id: record.revision for record in result.reservations}
    with held_reading(work.claim, (_LOCKED_EVENTS, (tuple(seen),))) as (workflow, (locked,)):
        if again and work.reread().phase != Run.Phase.PREPARING:
            return _Checkpoint.DONE
        run = work.run
        events = {event.pk: event for event in locked}
        for event in events.values():
            if event.status != Event.Status.PENDING or event.revision != seen[event.pk]:
                return _Checkpoint.CHANGED
        if len(events) < len(seen):
            return _Checkpoint.CHANGING
        run.set_prepared()
        run.title = result.title
        run.prepare_result = prepare_results.to_json(result)
        run.idempotency_key = uuid.uuid4().hex
        for record in result.reservations:
            event = events[record.id]
            event.reserve(run)
            save_with_history(
                event, reason=f"reserved by run {run.pk}", fields=["status", "reserved_by"]
            )
        work.reserved = [events[record.id] for record in result.reservations]
        insert_all([Reservation(run=run, event_id=record.id) for record in result.reservations])
        if call is None:
            save_with_history(run, reason="prepared; there is nothing to call")
        else:
            _enter_ledger(work, call, workflow)
    return _Checkpoint.DONE


def _enter_ledger(work: Work, call: Call, workflow: Workflow) -> None:
    """Write the mutation before it is sent. Needs the transaction of `held`."""
    run = work.run
    now = work.clock()
    run.set_mutating()
    save_with_history(run, reason=f"about to call {call.mutator.name}")
    run.mutation = Mutation(
        run=run,
        mutator=call.mutator.name,
        params=call.params,
        target=call.target,
        idempotency_key=run.idempotency_key,
        sent_at=now,
    )
    save_with_history(run.mutation, reason="about to be sent")
    limit = work.code.policy_for(call.mutator)
    # Whoever takes over must not do so while the call can still be under way.
    extend(workflow.lease, seconds=limit.call_timeout_seconds + limit.lease_seconds)
    work.send_by = machine_seconds() + limit.lease_seconds
