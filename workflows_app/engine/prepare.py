"""The first phase: `prepare` and `mutate` in memory, then the checkpoint (P1).

The checkpoint is one durable transaction, before the call leaves: all events reserved or none, the
prepare result, and the ledger row with the parameters and the idempotency key. An event that is no
longer as `prepare` saw it fails the whole checkpoint, and the run starts over. So does one that a
publisher is changing: the checkpoint holds the workflow, and must not wait for an application.

It is one round trip: its statements refuse what is not as it was seen. Only what was refused is looked at.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache, partial
from typing import Any

from django.db import DatabaseError

from workflows_app.engine import prepared as prepare_results
from workflows_app.engine import retry
from workflows_app.engine.claims import (
    extend,
    extension,
    held,
    held_from_first_write,
    held_reading,
    is_refusal,
    still_preparing,
)
from workflows_app.engine.contexts import PrepareView
from workflows_app.engine.outlasting import outlast
from workflows_app.engine.work import Work
from workflows_app.errors import (
    EventsKeepChanging,
    UndeclaredMutator,
    WrongReturn,
)
from workflows_app.models import Event, Lease, Mutation, Reservation, Run
from workflows_app.models.reading import Compiled
from workflows_app.models.saving import Guard, insert_all, save_with_history
from workflows_app.models.statements import numbered
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
#: Locks them if all are as they were seen, and nobody is changing one; fails otherwise.
_AS_SEEN = """
    SELECT workflows_app_all_of(array_agg(seen.id), %s) FROM (
        SELECT id FROM workflows_app_event
         WHERE (id, revision) IN ({}) AND status = 'pending'
           FOR NO KEY UPDATE SKIP LOCKED
    ) seen
"""


@lru_cache(maxsize=1000)
def _as_seen(number: int) -> str:
    return numbered(_AS_SEEN.format(", ".join(["(%s, %s)"] * number)))


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
        view = PrepareView(consumer, work.run.workflow, work.policy, work.clock(), work.ahead)
        work.ahead = None
        try:
            result = _prepare(work, consumer, view)
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
            partial(_checkpoint, work, result, call, view.events),
            within_seconds=work.policy.lease_seconds,
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
            _enter_ledger(work, call)
            extend(workflow.lease, seconds=_seconds_of(work, call))


def _consumer(work: Work) -> type[Consumer]:
    handler = work.handler_code
    assert issubclass(handler, Consumer)
    return handler


def _prepare(work: Work, consumer: type[Consumer], view: PrepareView) -> PrepareResult:
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


def _checkpoint(
    work: Work, result: PrepareResult, call: Call | None, seen: dict[int, Event], again: bool
) -> _Checkpoint:
    """Reserve all of `result`, or nothing unless all is as it was `seen`. Commits; raises Fenced.

    `again`: unless that was done the first time.
    """
    if not again and _reserved_unseen(work, result, call, seen):
        return _Checkpoint.DONE
    wanted = tuple(record.id for record in result.reservations)
    with held_reading(work.claim, (_LOCKED_EVENTS, (wanted,))) as (workflow, (locked,)):
        # In memory the run may already be as the checkpoint would have made it.
        if work.reread().phase != Run.Phase.PREPARING:
            return _Checkpoint.DONE
        for event in locked:
            is_same = event.revision == seen[event.pk].revision
            if event.status != Event.Status.PENDING or not is_same:
                return _Checkpoint.CHANGED
        if len(locked) < len(wanted):
            return _Checkpoint.CHANGING
        events = {event.pk: event for event in locked}
        _reserve(work, result, call, [events[pk] for pk in wanted], workflow.lease)
    return _Checkpoint.DONE


def _reserved_unseen(
    work: Work, result: PrepareResult, call: Call | None, seen: dict[int, Event]
) -> bool:
    """Reserve all of `result` in one round trip, in which nothing is read. Commits; raises Fenced.

    Returns False if it was refused: mostly since an event is not as it was `seen`.
    """
    events = [seen[record.id] for record in result.reservations]
    numbers = [number for event in events for number in (event.pk, event.revision)]
    as_seen: Guard = (_as_seen(len(events)), (len(events), *numbers))
    lease = work.run.workflow.lease
    seconds = _seconds_of(work, call)
    until = extension(lease, seconds=seconds)
    preparing = still_preparing(work.claim, work.run.pk, until=until, seconds=seconds)
    try:
        with held_from_first_write(work.claim, preparing, as_seen):
            _reserve(work, result, call, events, lease)
    except DatabaseError as error:
        if not is_refusal(error):
            raise
        return False
    return True


def _reserve(
    work: Work, result: PrepareResult, call: Call | None, events: list[Event], lease: Lease
) -> None:
    """Write the checkpoint. Needs the claim's transaction, and the events locked in it."""
    run = work.run
    run.set_prepared()
    run.title = result.title
    run.prepare_result = prepare_results.to_json(result)
    run.idempotency_key = uuid.uuid4().hex
    for event in events:
        event.reserve(run)
        save_with_history(
            event, reason=f"reserved by run {run.pk}", fields=["status", "reserved_by"]
        )
    work.reserved = events
    insert_all([Reservation(run=run, event_id=event.pk) for event in events])
    if call is None:
        save_with_history(run, reason="prepared; there is nothing to call")
    else:
        _enter_ledger(work, call)
    extend(lease, seconds=_seconds_of(work, call))


def _enter_ledger(work: Work, call: Call) -> None:
    """Write the mutation before it is sent. Needs the claim's transaction."""
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
    work.send_by = machine_seconds() + work.code.policy_for(call.mutator).lease_seconds


def _seconds_of(work: Work, call: Call | None) -> float:
    """Return how long the claim must last: nobody may take over while the call can be under way."""
    if call is None:
        return 0.0
    limit = work.code.policy_for(call.mutator)
    return limit.call_timeout_seconds + limit.lease_seconds
