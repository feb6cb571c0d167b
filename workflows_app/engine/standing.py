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
from workflows_app.models.rows import Instances, Tuples

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
    """The runs of `hands`, and the events of those in `ending`, as they are now, once `read`."""

    def __init__(self, hands: Sequence[Hand], *, ending: Sequence[Hand]) -> None:
        self._hands = {hand.run.pk: hand for hand in hands}
        self._ending = ending
        rows = [_compared(hand.run) for hand in hands if hand.run.knows_its_mutation]
        columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 7
        self.compared = Tuples(_COMPARED, columns)
        self.runs: dict[int, Run] = {}
        self.events: dict[int, list[Event]] = {}

    def take(self) -> None:
        """Take what the server said. Reads what is not as it was: one round trip more."""
        for (pk,) in self.compared.rows():
            self.runs[pk] = _copied(self._hands[pk].run)
        others = [pk for pk in self._hands if pk not in self.runs]
        if others:
            self.runs.update((run.pk, run) for run in _RUNS.all(others))
        unread = []
        for hand in self._ending:
            if hand.events is None or hand.run.pk in others:
                unread.append(hand.run.pk)
            else:
                self.events[hand.run.pk] = [copy_of(event) for event in hand.events]
        if unread:
            found = Instances(_HELD_EVENTS, (unread,), Event, EVENT, alias="event").read()
            for event in found:
                assert event.reserved_by_id is not None
                self.events.setdefault(event.reserved_by_id, []).append(event)


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
