"""What handlers publish, written for many runs at once in the transaction of their turn (P2, P5).

An event inherits the inputs of all that its run reserved; of nothing, it has one of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from workflows_app.engine.case import Changes
from workflows_app.engine.contexts import Publication
from workflows_app.engine.holding import Holding
from workflows_app.models import Event, EventInput, Input, Run
from workflows_app.models.copies import new
from workflows_app.models.rows import Instances, Tuples
from workflows_app.models.saving import insert_all, save_with_history
from workflows_app.publishing import own_input
from workflows_app.sdk.json_values import is_same_json
from workflows_app.sdk.values import InputRef

_KNOWN_EVENTS = """
    SELECT {columns} FROM unnest($1::bigint[], $2::text[]) AS wanted(topic, message)
      JOIN workflows_app_event event
        ON event.topic_id = wanted.topic AND event.message_id = wanted.message
"""
_KNOWN_INPUTS = """
    SELECT input.id, input.workflow_id, input.source, input.type, input.external_id
      FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
           AS wanted(workflow, source, type, external_id)
      JOIN workflows_app_input input
        ON input.workflow_id = wanted.workflow AND input.source = wanted.source
       AND input.type = wanted.type AND input.external_id = wanted.external_id
"""
_INHERITED = """
    SELECT DISTINCT reservation.run_id, cause.input_id
      FROM workflows_app_reservation reservation
      JOIN workflows_app_eventinput cause ON cause.event_id = reservation.event_id
     WHERE reservation.run_id = ANY($1::bigint[])
"""
_KNOWN_CAUSES = """
    SELECT cause.event_id, cause.input_id FROM workflows_app_eventinput cause
      JOIN unnest($1::bigint[], $2::text[]) AS wanted(topic, message) ON true
      JOIN workflows_app_event event ON event.id = cause.event_id
       AND event.topic_id = wanted.topic AND event.message_id = wanted.message
"""
_KEYS = """
    SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, $1::int)
"""
_SHOWN = ("id", "topic", "message_id", "payload", "revision", "status", "lane", "reserved_by")


@dataclass(frozen=True)
class Wanted:
    """What one run wants published."""

    holding: Holding
    run_id: int
    items: tuple[Publication, ...]


class Publications:
    """The publications of a turn: what is to be read for them, and then writing them."""

    def __init__(self, wanted: Iterable[Wanted]) -> None:
        self._wanted = {one.run_id: one for one in wanted if one.items}
        events = list(dict.fromkeys(self._keys()))
        inputs = list(dict.fromkeys(self._own_inputs()))
        topics, messages = [topic for topic, _ in events], [message for _, message in events]
        self._known = Instances(_KNOWN_EVENTS, (topics, messages), Event, _SHOWN, alias="event")
        self._causes = Tuples(_KNOWN_CAUSES, (topics, messages))
        identities = [
            [workflow for workflow, _ in inputs],
            [ref.source for _, ref in inputs],
            [ref.type for _, ref in inputs],
            [ref.external_id for _, ref in inputs],
        ]
        self._known_inputs = Tuples(_KNOWN_INPUTS, identities)
        self._inherited = Tuples(_INHERITED, [list(self._wanted)])
        self._event_keys = Tuples(_KEYS.format(table="workflows_app_event"), [len(events)])
        self._input_keys = Tuples(_KEYS.format(table="workflows_app_input"), [len(inputs)])

    def _keys(self) -> Iterator[tuple[int, str]]:
        for one in self._wanted.values():
            for item in one.items:
                yield one.holding.topics[item.topic].pk, item.message_id

    def _own_inputs(self) -> Iterator[tuple[int, InputRef]]:
        for one in self._wanted.values():
            for item in one.items:
                yield one.holding.id, own_input(item.topic, item.message_id)

    def reads(self) -> list[Any]:
        """Return what must have been read before anything is written."""
        if not self._wanted:
            return []
        return [
            self._known,
            self._causes,
            self._known_inputs,
            self._inherited,
            self._event_keys,
            self._input_keys,
        ]

    def take(self) -> None:
        """Take what was read."""
        if not self._wanted:
            return
        self._events = {(event.topic_id, event.message_id): event for event in self._known.rows()}
        self._linked = set(self._causes.rows())
        self._inputs = {
            (workflow, source, type_, external_id): pk
            for pk, workflow, source, type_, external_id in self._known_inputs.rows()
        }
        self._of_run: dict[int, list[int]] = {}
        for run_id, input_id in sorted(self._inherited.rows()):
            self._of_run.setdefault(run_id, []).append(input_id)
        self._new_events = iter([key for (key,) in self._event_keys.rows()])
        self._new_inputs = iter([key for (key,) in self._input_keys.rows()])

    def write(self, run: Run, changes: Changes) -> None:
        """Write what `run` wants published. Needs the workflow's lock, within `collected`."""
        wanted = self._wanted.get(run.pk)
        if wanted is None:
            return
        for item in wanted.items:
            self._write(run, wanted.holding, item, changes)

    def _write(self, run: Run, holding: Holding, item: Publication, changes: Changes) -> None:
        topic = holding.topics[item.topic]
        lane = item.lane
        event = self._events.get((topic.pk, item.message_id))
        if event is None:
            event = new(
                Event,
                id=next(self._new_events),
                topic=topic,
                message_id=item.message_id,
                payload=item.payload,
                lane=lane,
                created_by=run,
            )
            self._events[(topic.pk, item.message_id)] = event
            save_with_history(event, reason=f"published by run {run.pk}")
            self._announce(holding, topic, lane, changes)
        elif self._is_free(event, changes) and not is_same_json(event.payload, item.payload):
            # Read without a lock: an application may have changed it. Then the run is written anew.
            was = {"revision": event.revision}
            event.payload, event.lane = item.payload, lane
            event.revision += 1
            changes.republished.add(event.pk)
            reason = f"published again with another payload by run {run.pk}"
            fields = ["payload", "lane", "revision"]
            save_with_history(event, reason=reason, fields=fields, was=was)
            self._announce(holding, topic, lane, changes)
        self._link(run, holding, item, event)

    def _is_free(self, event: Event, changes: Changes) -> bool:
        return event.status == Event.Status.PENDING and event.pk not in changes.reserved

    def _announce(self, holding: Holding, topic: Any, lane: str | None, changes: Changes) -> None:
        if topic.consumer_id is not None and lane is not None:
            changes.news.add((topic.consumer_id, lane))
            holding.is_to_look = True

    def _link(self, run: Run, holding: Holding, item: Publication, event: Event) -> None:
        for input_id in self._of_run.get(run.pk) or [self._own(holding, item)]:
            if (event.pk, input_id) not in self._linked:
                self._linked.add((event.pk, input_id))
                insert_all([new(EventInput, event_id=event.pk, input_id=input_id)])

    def _own(self, holding: Holding, item: Publication) -> int:
        ref = own_input(item.topic, item.message_id)
        identity = (holding.id, ref.source, ref.type, ref.external_id)
        if identity not in self._inputs:
            made = new(
                Input,
                id=next(self._new_inputs),
                workflow_id=holding.id,
                source=ref.source,
                type=ref.type,
                external_id=ref.external_id,
                title=ref.title,
            )
            insert_all([made])
            self._inputs[identity] = int(made.pk)
        return int(self._inputs[identity])
