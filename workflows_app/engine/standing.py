"""Runs that are as this worker left them: they need not be read anew, only compared (P1).

A turn changes copies of what is in memory, under the workflow's lock, after the server has said that the
rows still hold it. A run that somebody has changed meanwhile is read.
"""

from __future__ import annotations

from collections.abc import Sequence

from workflows_app.engine.holding import Hand
from workflows_app.models import Event, Mutation, Run
from workflows_app.models.copies import copy_of
from workflows_app.models.reading import Compiled
from workflows_app.models.rows import Instances, Sent, Tuples, columns

#: What says whose a run is, and how far it came: whoever changes a run changes one of these.
_COMPARED = """
    SELECT wanted.run
      FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[],
                  $6::text[], $7::int[])
           AS wanted(run, started_at, status, phase, token, mutation, attempts)
     CROSS JOIN LATERAL (
           SELECT * FROM workflows_app_run known WHERE known.id = wanted.run OFFSET 0) run
      LEFT JOIN LATERAL (
           SELECT * FROM workflows_app_mutation known WHERE known.run_id = wanted.run OFFSET 0) own
           ON true
     WHERE run.started_at = wanted.started_at AND run.status = wanted.status
       AND run.phase = wanted.phase AND run.fencing_token IS NOT DISTINCT FROM wanted.token
       AND own.status IS NOT DISTINCT FROM wanted.mutation
       AND own.reconcile_attempts IS NOT DISTINCT FROM wanted.attempts
"""
_RUNS: Compiled[Run] = Compiled(
    lambda ids: (
        Run.objects.select_related("mutation", "carried_mutation").filter(pk__any=ids).order_by()
    )
)
_HELD_EVENTS = """
    SELECT {columns} FROM workflows_app_event event
     WHERE event.reserved_by_id = ANY($1::bigint[]) ORDER BY event.id
"""
#: What a turn needs of an event.
EVENT = ("id", "topic", "message_id", "revision", "status", "lane", "reserved_by")


class Standing:
    """The runs of `hands`, and the events of those in `ending`, as they are now, once they are sent."""

    def __init__(self, hands: Sequence[Hand], *, ending: Sequence[Hand]) -> None:
        self._hands = {hand.run.pk: hand for hand in hands}
        rows = [_compared(hand.run) for hand in hands if hand.run.knows_its_mutation]
        self._compared = Tuples(_COMPARED, columns(rows, 7))
        ids = [hand.run.pk for hand in ending]
        held = Instances(_HELD_EVENTS, (ids,), Event, EVENT, alias="event")
        # Of an empty array PostgreSQL believes that any index will do, and reads one to its end.
        self._held = held if ids else None

    def statements(self) -> list[Sent]:
        return [self._compared, *([self._held] if self._held else ())]

    def take(self) -> tuple[dict[int, Run], dict[int, list[Event]]]:
        """Return the runs, and the events that they hold. Reads what is not as it was: one round trip more."""
        runs: dict[int, Run] = {}
        for (pk,) in self._compared.rows():
            runs[pk] = _copied(self._hands[pk].run)
        others = [pk for pk in self._hands if pk not in runs]
        if others:
            runs.update((run.pk, run) for run in _RUNS.all(others))
        events: dict[int, list[Event]] = {}
        for event in self._held.rows() if self._held else ():
            assert event.reserved_by_id is not None
            events.setdefault(event.reserved_by_id, []).append(event)
        return runs, events


def _compared(run: Run) -> tuple[object, ...]:
    mutation: Mutation | None = run._state.fields_cache["mutation"]
    of_mutation = (mutation.status, mutation.reconcile_attempts) if mutation else (None, None)
    return (run.pk, run.started_at, run.status, run.phase, run.fencing_token, *of_mutation)


def _copied(run: Run) -> Run:
    made = copy_of(run)
    mutation: Mutation | None = run._state.fields_cache["mutation"]
    if mutation is not None:
        own = copy_of(mutation)
        # Each knows the other.
        made._state.fields_cache["mutation"], own._state.fields_cache["run"] = own, made
    return made
