"""What handlers publish, written for many runs at once in the transaction of their turn (P2, P5).

An event inherits the inputs of all that its run reserved; of nothing, it has one of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workflows_app.engine.case import Changes
from workflows_app.engine.contexts import Publication
from workflows_app.engine.holding import Hand, Holding
from workflows_app.models import Event, EventInput, Input, Run
from workflows_app.models.copies import new
from workflows_app.models.rows import Instances, Sent, Tuples, columns
from workflows_app.models.saving import insert_all, save_with_history
from workflows_app.publishing import own_input
from workflows_app.publishing.storing import change_payload, changes_by

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


class Publications:
    """The publications of a turn: what is to be read for them, and then writing them."""

    def __init__(self, wanted: Iterable[tuple[Hand, Sequence[Publication]]]) -> None:
        all_wanted = [(hand, item) for hand, items in wanted for item in items]
        events = {_key(hand.holding, item): None for hand, item in all_wanted}
        inputs = {_own_input(hand.holding, item): None for hand, item in all_wanted}
        runs = {hand.run.pk: None for hand, _ in all_wanted}
        self._are_none = not all_wanted
        keys = columns(events, 2)
        self._known = Instances(_KNOWN_EVENTS, keys, Event, _SHOWN, alias="event")
        self._causes = Tuples(_KNOWN_CAUSES, keys)
        self._known_inputs = Tuples(_KNOWN_INPUTS, columns(inputs, 4))
        self._inherited = Tuples(_INHERITED, [list(runs)])
        self._event_keys = Tuples(_KEYS.format(table="workflows_app_event"), [len(events)])
        self._input_keys = Tuples(_KEYS.format(table="workflows_app_input"), [len(inputs)])

    def reads(self) -> list[Sent]:
        """Return what must have been read before anything is written."""
        if self._are_none:
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
        if self._are_none:
            return
        self._events = {(event.topic_id, event.message_id): event for event in self._known.rows()}
        self._linked = set(self._causes.rows())
        self._inputs: dict[tuple[Any, ...], int] = {
            tuple(identity): pk for pk, *identity in self._known_inputs.rows()
        }
        self._of_run: dict[int, list[int]] = {}
        for run_id, input_id in sorted(self._inherited.rows()):
            self._of_run.setdefault(run_id, []).append(input_id)
        self._new_events = iter([key for (key,) in self._event_keys.rows()])
        self._new_inputs = iter([key for (key,) in self._input_keys.rows()])

    def write(
        self, holding: Holding, run: Run, items: Iterable[Publication], changes: Changes
    ) -> None:
        """Write what `run` wants published. Needs the workflow's lock, within `collected`."""
        for item in items:
            self._write(run, holding, item, changes)

    def _write(self, run: Run, holding: Holding, item: Publication, changes: Changes) -> None:
        key = _key(holding, item)
        # Deployed meanwhile: what the old code says of a lane does not count, so the host asks the new one.
        lane = item.lane if holding.is_current else None
        event = self._events.get(key)
        if event is None:
            event = new(
                Event,
                id=next(self._new_events),
                topic=holding.topics[item.topic],
                message_id=item.message_id,
                payload=item.payload,
                lane=lane,
                created_by=run,
            )
            self._events[key] = event
            save_with_history(event, reason=f"published by run {run.pk}")
            changes.announce(holding, item.topic, lane)
        elif event.pk not in changes.reserved and changes_by(event, item.payload):
            # Read without a lock: an application may have changed it. Then the run is written anew.
            was = {"revision": event.revision}
            change_payload(event, payload=item.payload, lane=lane, run=run, was=was)
            changes.republished.add(event.pk)
            changes.announce(holding, item.topic, lane)
        self._link(run, holding, item, event)

    def _link(self, run: Run, holding: Holding, item: Publication, event: Event) -> None:
        for input_id in self._of_run.get(run.pk) or [self._own(holding, item)]:
            if (event.pk, input_id) not in self._linked:
                self._linked.add((event.pk, input_id))
                insert_all([new(EventInput, event_id=event.pk, input_id=input_id)])

    def _own(self, holding: Holding, item: Publication) -> int:
        identity = _own_input(holding, item)
        if identity not in self._inputs:
            workflow_id, source, type_, external_id = identity
            made = new(
                Input,
                id=next(self._new_inputs),
                workflow_id=workflow_id,
                source=source,
                type=type_,
                external_id=external_id,
                title=own_input(item.topic, item.message_id).title,
            )
            insert_all([made])
            self._inputs[identity] = int(made.pk)
        return self._inputs[identity]


def _key(holding: Holding, item: Publication) -> tuple[int, str]:
    return holding.topics[item.topic].pk, item.message_id


def _own_input(holding: Holding, item: Publication) -> tuple[int, str, str, str]:
    """Return the identity of the input that an event has which came of nothing else."""
    ref = own_input(item.topic, item.message_id)
    return holding.id, ref.source, ref.type, ref.external_id
