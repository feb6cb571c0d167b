"""Workflows whose handlers a test writes as functions, and short words for what a test looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections

from workflows_app.models import Event, Mutation, Run
from workflows_app.models import Workflow as WorkflowRow
from workflows_app.publishing import publish
from workflows_app.sdk import (
    Consumer,
    MutationCall,
    MutationOutcome,
    Mutator,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
    Producer,
    Workflow,
)
from workflows_app.sdk.schedules import Every, Schedule
from workflows_app.sdk.values import EventRecord
from workflows_app.testing import drain

SLUG = "ship"
RECEIVED = "order.received"
SHIPPED = "order.shipped"
#: Business time in these tests: far ahead, so that what operations make due now is due.
NOW = datetime(2100, 1, 1, 12, tzinfo=UTC)

Prepare = Callable[[PrepareContext, Any], Any]
Mutate = Callable[[PrepareResult], Any]
Next = Callable[[NextContext, PrepareResult, MutationOutcome], Any]
Poll = Callable[[PollContext, Any], Any]
#: Gets the parameters and the idempotency key.
Call = Callable[[Any, str], Any]
#: The fixture `deploy`.
Deploy = Callable[[type[Workflow]], None]


def after(seconds: float) -> datetime:
    """Return the instant so many seconds after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def take_one(ctx: PrepareContext, state: Any) -> PrepareResult:
    events = ctx.peek(RECEIVED, limit=1)
    return PrepareResult(events, [event.payload for event in events])


def consumer(
    prepare: Prepare = take_one,
    mutate: Mutate | None = None,
    next: Next | None = None,
    *,
    name: str = "Ship",
    subscribes: Sequence[str] = (RECEIVED,),
    publishes: Sequence[str] = (SHIPPED,),
    lane: Callable[[EventRecord], str] | None = None,
    record: Callable[[PrepareResult, MutationOutcome], None] | None = None,
    handles_rejection: bool = False,
) -> type[Consumer]:
    """Return a consumer of these functions; what is missing is as the sdk has it."""
    members: dict[str, Any] = {
        "name": name,
        "subscribes": list(subscribes),
        "publishes": list(publishes),
        "handles_rejection": handles_rejection,
        "prepare": lambda self, ctx, state: prepare(ctx, state),
    }
    if mutate is not None:
        members["mutate"] = lambda self, prepared: mutate(prepared)
    if lane is not None:
        members["lane"] = lambda self, event: lane(event)
    if record is not None:
        members["record"] = lambda self, prepared, outcome: record(prepared, outcome)
    if next is not None:
        members["next"] = lambda self, ctx, prepared, outcome: next(ctx, prepared, outcome)
    return type(name, (Consumer,), members)


def producer(
    poll: Poll,
    schedule: Schedule | None = None,
    *,
    name: str = "Import",
    publishes: Sequence[str] = (RECEIVED,),
) -> type[Producer]:
    return type(
        name,
        (Producer,),
        {
            "name": name,
            "publishes": list(publishes),
            "schedule": schedule or Every(minutes=5),
            "poll": lambda self, ctx, state: poll(ctx, state),
        },
    )


def mutator(
    execute: Call, reconcile: Call | None = None, *, name: str = "carrier.ship", **attributes: Any
) -> type[Mutator]:
    """Return a mutator of these functions; without `reconcile` the host can't ask."""
    members: dict[str, Any] = {
        "name": name,
        "execute": lambda self, params, *, idempotency_key: execute(params, idempotency_key),
        **attributes,
    }
    if reconcile is not None:
        members["reconcile"] = lambda self, params, *, idempotency_key: reconcile(
            params, idempotency_key
        )
    return type("Carrier", (Mutator,), members)


def code(
    *handlers: type[Consumer] | type[Producer],
    calls: Sequence[type[Mutator]] = (),
    version: str = "1.0",
    slug: str = SLUG,
    policy: Mapping[str, Any] | None = None,
) -> type[Workflow]:
    """Return the workflow of these handlers and mutators."""
    return type(
        "Shipping",
        (Workflow,),
        {
            "slug": slug,
            "title": "Ship the orders",
            "version": version,
            "producers": [handler for handler in handlers if issubclass(handler, Producer)],
            "consumers": [handler for handler in handlers if issubclass(handler, Consumer)],
            "mutators": list(calls),
            "policy": policy or {},
        },
    )


def calling(called: type[Mutator], next: Next | None = None, **workflow: Any) -> type[Workflow]:
    """Return a workflow that calls `called` once for each received order."""
    ship = consumer(mutate=lambda prepared: MutationCall(called, {"of": prepared.data}), next=next)
    return code(ship, calls=[called], **workflow)


def by_lane(called: type[Mutator], **workflow: Any) -> type[Workflow]:
    """Return a workflow that calls `called` once an event, in the lane that its payload names."""
    ship = consumer(mutate=lambda prepared: MutationCall(called, {}), lane=by_payload)
    return code(ship, calls=[called], **workflow)


def empty(ctx: PrepareContext, state: Any) -> PrepareResult:
    return PrepareResult.nothing()


def send(message_id: str = "1", payload: Any = "a", topic: str = RECEIVED, **more: Any) -> Event:
    return publish(workflow=SLUG, topic=topic, message_id=message_id, payload=payload, **more)


def by_payload(event: EventRecord) -> str:
    """Return the lane of events whose payload is the name of their lane."""
    return str(event.payload)


def host(seconds: float = 0, slug: str = SLUG, *, at_once: int = 1) -> int:
    """Let the host work until nothing is due so many seconds after `NOW`."""
    return drain(slug, now=after(seconds), at_once=at_once)


def waits_about(run: Run, seconds: float) -> bool:
    """Tell whether the retry of `run` is due `seconds` after `NOW`, less up to a fifth by chance."""
    due_at = run.retry_due_at
    return due_at is not None and after(0.8 * seconds) <= due_at <= after(seconds)


def row(slug: str = SLUG) -> WorkflowRow:
    return WorkflowRow.objects.get(slug=slug)


def runs(slug: str = SLUG) -> list[Run]:
    """Return the runs of the workflow as they are now, the oldest first."""
    return list(Run.objects.filter(workflow__slug=slug).order_by("pk"))


def last_run(slug: str = SLUG) -> Run:
    return runs(slug)[-1]


def fresh(event: Event) -> Event:
    return Event.objects.get(pk=event.pk)


def status_of(message_id: str, topic: str = RECEIVED) -> str:
    return str(Event.objects.get(topic__name=topic, message_id=message_id).status)


def statuses() -> dict[str, str]:
    """Return the status of each event, by its message id."""
    return {event.message_id: event.status for event in Event.objects.order_by("pk")}


def reasons(instance: Any, field: str = "status") -> list[tuple[str, str]]:
    """Return `field` and the reason of each history row of `instance`, the oldest first."""
    rows = instance.history.order_by("history_id")
    return [(getattr(item, field), item.history_change_reason) for item in rows]


def seen_from_outside(look: Callable[[], Any]) -> Any:
    """Return what `look` finds on a connection of its own: what is committed by now."""

    def on_its_own_connection() -> Any:
        try:
            return look()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(on_its_own_connection).result()


def evidence_of(mutation: Mutation) -> list[tuple[str, str, str, int]]:
    """Return kind, verdict, detail and attempt of all evidence, the oldest first."""
    found = mutation.evidence.order_by("pk")
    return [(item.kind, item.verdict, item.detail, item.attempt) for item in found]
