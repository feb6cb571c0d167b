"""Storing events set by set: those that are new, those that change, and what each came of (P2, P4, P5).

A chunk takes the same few statements, whatever its length. A row is locked only to change its payload,
in the order of the keys. What a run has taken meanwhile is let go at once: its lock must not stay with
a caller who may take long to commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction

from workflows_app.models import Event, EventInput, Input, Run, Workflow
from workflows_app.models.collecting import collected
from workflows_app.models.copies import new as new_row
from workflows_app.models.rows import Instances, columns
from workflows_app.models.saving import insert_all, insert_unless_there, save_with_history
from workflows_app.publishing.arrivals import announce
from workflows_app.publishing.entries import Entry, Outcome
from workflows_app.publishing.inputs import store_inputs
from workflows_app.sdk.json_values import is_same_json
from workflows_app.sdk.values import InputRef

Key = tuple[int, str]

_IDENTITY = ("topic", "message_id")
#: Row by row: a join might read the table to its end.
_KNOWN = """
    SELECT {columns} FROM unnest($1::bigint[], $2::text[]) AS wanted(topic, message)
     CROSS JOIN LATERAL (
           SELECT event.* FROM workflows_app_event event
            WHERE event.topic_id = wanted.topic AND event.message_id = wanted.message
            LIMIT 1) event
"""
_FIELDS = tuple(field.name for field in Event._meta.concrete_fields)


def store(
    workflow: Workflow, entries: Sequence[Entry], *, created_by: Run | None = None
) -> list[tuple[Event, Outcome]]:
    """Insert or update events, one chunk. Needs an open transaction.

    Returns for each entry its event as it is now, and what became of it. Of several entries of one
    event the last one is written, and each is told what it would have been one after the other.
    """
    causes = _causes(workflow, entries)
    topics = {entry.topic.pk: entry.topic for entry in entries}
    last = {entry.key: entry for entry in entries}
    events = {key: _event(entry, created_by) for key, entry in last.items()}
    insert_unless_there(list(events.values()), identity=_IDENTITY, **_why(created_by, "published"))
    new = {key for key, event in events.items() if not event._state.adding}
    events |= _known([key for key in events if key not in new])
    _lock_what_changes(events, last, new)
    for key in events.keys() - new:
        events[key].topic = topics[key[0]]
    outcomes = _outcomes(entries, events, new)
    changed = [
        event
        for key, event in events.items()
        if key not in new and changes_by(event, last[key].payload)
    ]
    with collected():
        for event in changed:
            entry = last[event.topic_id, event.message_id]
            change_payload(event, payload=entry.payload, lane=entry.lane, run=created_by)
        pairs = {
            (events[entry.key].pk, cause) for entry, cause in zip(entries, causes, strict=True)
        }
        rows = [
            new_row(EventInput, event_id=event, input_id=input) for event, input in sorted(pairs)
        ]
        insert_all(rows, unless_there=True)
    news = [events[key] for key in last if key in new] + changed
    announce((event.topic_id, event.lane) for event in news)
    return [(events[entry.key], word) for entry, word in zip(entries, outcomes, strict=True)]


def _causes(workflow: Workflow, entries: Sequence[Entry]) -> list[int]:
    """Return the key of the input of each entry."""
    refs = [entry.cause for entry in entries if isinstance(entry.cause, InputRef)]
    inputs = store_inputs(workflow, refs)
    rows = (
        entry.cause if isinstance(entry.cause, Input) else inputs[entry.cause] for entry in entries
    )
    return [row.pk for row in rows]


def _event(entry: Entry, created_by: Run | None) -> Event:
    return new_row(
        Event,
        topic=entry.topic,
        message_id=entry.message_id,
        payload=entry.payload,
        lane=entry.lane,
        created_by=created_by,
    )


def _known(keys: Sequence[Key]) -> dict[Key, Event]:
    if not keys:
        return {}
    return _by_key(Instances(_KNOWN, columns(keys, 2), Event, _FIELDS, alias="event").read())


def _by_key(events: Iterable[Event]) -> dict[Key, Event]:
    return {(event.topic_id, event.message_id): event for event in events}


def _lock_what_changes(events: dict[Key, Event], last: dict[Key, Entry], new: set[Key]) -> None:
    """Lock the pending events that are to change, and put them as they are now into `events`."""
    wanted = [
        key for key in events if key not in new and changes_by(events[key], last[key].payload)
    ]
    dropped: list[Key] = []
    while wanted:
        with transaction.atomic():
            locked = _by_key(_locked([events[key].pk for key in wanted]))
            if len(locked) == len(wanted):
                events |= locked
                break
            # Runs have taken some. PostgreSQL has locked those too, if it had to wait for them.
            transaction.set_rollback(True)
        dropped += [key for key in wanted if key not in locked]
        wanted = [key for key in wanted if key in locked]
    events |= _known(dropped)


def _locked(ids: Sequence[int]) -> Iterable[Event]:
    """Lock those of the events that are pending. May wait long, so not in a pipeline, where Ctrl-C gets lost."""
    pending = Event.objects.filter(pk__any=ids, status=Event.Status.PENDING)
    return pending.order_by("pk").select_for_update(no_key=True)


def changes_by(event: Event, payload: Any) -> bool:
    """Tell whether `event` changes if it is published again with `payload`: only if it is pending."""
    return event.status == Event.Status.PENDING and not is_same_json(event.payload, payload)


def _outcomes(entries: Sequence[Entry], events: dict[Key, Event], new: set[Key]) -> list[Outcome]:
    """Return what each entry is, if they come one after the other."""
    is_to_come = set(new)
    payloads = {key: events[key].payload for key in events.keys() - new}
    outcomes: list[Outcome] = []
    for entry in entries:
        if entry.key in is_to_come:
            is_to_come.discard(entry.key)
            outcomes.append("new")
        elif events[entry.key].status != Event.Status.PENDING:
            outcomes.append("too_late")
        elif is_same_json(payloads[entry.key], entry.payload):
            outcomes.append("unchanged")
        else:
            outcomes.append("updated")
        payloads[entry.key] = entry.payload
    return outcomes


def change_payload(
    event: Event, *, payload: Any, lane: str | None, run: Run | None, was: Any = None
) -> None:
    """Let a pending event, which is locked or `was` so, have another payload. Needs an open transaction."""
    event.payload, event.lane = payload, lane
    event.revision += 1
    why = _why(run, "published again with another payload")
    save_with_history(event, fields=["payload", "lane", "revision"], was=was, **why)


def _why(run: Run | None, what: str) -> dict[str, Any]:
    if run is None:
        return {"reason": f"{what} by the application", "by_request": True}
    return {"reason": f"{what} by run {run.pk}"}
