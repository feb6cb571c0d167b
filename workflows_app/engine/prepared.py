"""The prepare result on its way into the database and back: equal after the round trip."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workflows_app.conf import Policy
from workflows_app.errors import (
    DoubleReservation,
    ForeignReservation,
    HandlerViolation,
    WrongReturn,
)
from workflows_app.models import Run
from workflows_app.sdk.handlers import Consumer
from workflows_app.sdk.json_values import json_value
from workflows_app.sdk.values import EventRecord, PrepareResult

TITLE_LENGTH = 300


def checked(
    result: object,
    consumer: type[Consumer],
    policy: Policy,
    offered: Mapping[int, EventRecord],
) -> PrepareResult:
    """Return `result` as `mutate` and `next` shall see it, also after a crash.

    Its events are those that `prepare` was `offered`, as they are stored, whatever it did to its
    copies. Raises HandlerViolation, NotJson, TooLarge.
    """
    who = f"{consumer.handler_name()}.prepare"
    if not isinstance(result, PrepareResult):
        raise WrongReturn(who, "a PrepareResult", result)
    if not isinstance(result.title, str):
        raise WrongReturn(f"{who}: title", "text", result.title)
    if len(result.title) > TITLE_LENGTH:
        raise HandlerViolation(f"{who}: the title has over {TITLE_LENGTH} characters.")
    if result.wake_at is not None:
        if not isinstance(result.wake_at, datetime):
            raise WrongReturn(f"{who}: wake_at", "a datetime", result.wake_at)
        if result.wake_at.tzinfo is None:
            raise HandlerViolation(f"{who}: wake_at must have a time zone.")
    seen: set[int] = set()
    for event in result.reservations:
        if not isinstance(event, EventRecord):
            raise WrongReturn(f"{who}: reservations", "events from ctx.peek or ctx.get", event)
        if event.topic not in consumer.subscribes:
            raise ForeignReservation(consumer.handler_name(), event.topic)
        if event.id in seen:
            raise DoubleReservation(consumer.handler_name(), event.topic, event.message_id)
        if event.id not in offered:
            raise HandlerViolation(
                f"{who}: event {event.message_id!r:.200} of topic '{event.topic}' was not given to this run: take"
                " what ctx.peek or ctx.get of this call returned."
            )
        seen.add(event.id)
    data = json_value(result.data, field="data", limit_bytes=policy.json_max_bytes)
    title = json_value(result.title, field="title", limit_bytes=policy.json_max_bytes)
    reservations = [offered[event.id] for event in result.reservations]
    return PrepareResult(reservations, data, title, result.wake_at)


def to_json(result: PrepareResult) -> dict[str, Any]:
    """Return what `Run.prepare_result` holds. The payloads stay with the events."""
    return {
        "reservations": [
            {"topic": event.topic, "message_id": event.message_id} for event in result.reservations
        ],
        "data": result.data,
        "title": result.title,
        "wake_at": result.wake_at.isoformat() if result.wake_at else None,
    }


def from_run(run: Run) -> PrepareResult:
    """Return the prepare result of `run` from its row and the events it reserved."""
    stored = run.prepare_result or {}
    wake_at = stored.get("wake_at")
    return PrepareResult(
        reservations=[
            EventRecord(
                topic=reservation.event.topic.name,
                message_id=reservation.event.message_id,
                payload=reservation.event.payload,
                id=reservation.event_id,
                revision=reservation.event.revision,
            )
            for reservation in run.reservations.select_related("event__topic").order_by("id")
        ],
        data=stored.get("data"),
        title=stored.get("title", ""),
        wake_at=datetime.fromisoformat(wake_at) if wake_at else None,
    )
