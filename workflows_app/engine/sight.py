"""What a turn reads: one look under the locks, one round trip for all that a worker holds (P2, P8).

A workflow that somebody else has locked is skipped, and left to the next turn. The other statements of the
round trip must not act on it: the lock tells them by a setting of the transaction which ones it got.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workflows_app.engine.holding import Holding, LaneView
from workflows_app.engine.lanes import ABSORB, OLDEST
from workflows_app.engine.planner import DueReconcile, LooseRun, OwedRetry
from workflows_app.engine.publications import Publications
from workflows_app.engine.retry import ONLY_NEXT_IS_MISSING
from workflows_app.models import Breaker, Event, Run
from workflows_app.models.reading import Compiled, Reading
from workflows_app.models.rows import Instances, Sent, Tuples, send_together
from workflows_app.waking import SESSION_NAME

_LOCK = """
    WITH locked AS MATERIALIZED (
        SELECT workflow.id, workflow.status, workflow.active_version_id,
               lease.token, lease.holder, lease.expires_at
          FROM workflows_app_workflow workflow
          JOIN workflows_app_lease lease ON lease.workflow_id = workflow.id
         WHERE workflow.id = ANY($1::bigint[])
         ORDER BY workflow.id FOR NO KEY UPDATE OF workflow, lease {wait}
    )
    SELECT locked.*, clock_timestamp() FROM (
        SELECT set_config('workflows_app.locked',
                   '{{' || coalesce(string_agg(id::text, ','), '') || '}}', true),
               {settings}
          FROM locked) noted
      LEFT JOIN locked ON true
"""
#: How long a turn waits for a row that an application is writing, before it goes on without that run.
_PATIENCE = "set_config('lock_timeout', '200ms', true)"
#: By this the sweep knows a transaction whose worker was suspended in it.
_NAME = f"set_config('application_name', '{SESSION_NAME}', true)"
#: What a turn reads is a few rows by their keys, and much of what was there is gone. A plan that was made
#: while a table was small would read all of it later; one by a bitmap looks at all that is gone, each time.
_BY_KEY = "set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)"
_MAY_BE_LOST = "set_config('synchronous_commit', 'off', true)"

_RUNS: Compiled[Run] = Compiled(
    lambda ids: (
        Run.objects.select_related("mutation", "carried_mutation").filter(pk__any=ids).order_by()
    )
)
_HELD_EVENTS = """
    SELECT {columns} FROM workflows_app_event event
     WHERE event.reserved_by_id = ANY($1::bigint[]) ORDER BY event.id
"""
_WANTED_EVENTS = """
    SELECT {columns} FROM workflows_app_event event
     WHERE event.id = ANY($1::bigint[]) ORDER BY event.id FOR NO KEY UPDATE SKIP LOCKED
"""
_EVENT = ("id", "topic", "message_id", "revision", "status", "lane", "reserved_by")

_LOOSE = """
    SELECT wanted.workflow, found.* FROM unnest($1::bigint[]) AS wanted(workflow)
     CROSS JOIN LATERAL (
           SELECT run.id, run.lane, run.fencing_token, run.phase
             FROM workflows_app_run run
            WHERE run.workflow_id = wanted.workflow AND run.status = 'active'
              AND run.id <> ALL($2::bigint[]) OFFSET 0) found
     ORDER BY found.id
"""
_RECONCILES = """
    SELECT wanted.workflow, found.* FROM unnest($1::bigint[]) AS wanted(workflow)
     CROSS JOIN LATERAL (
           SELECT run.id, mutation.next_reconcile_at
             FROM workflows_app_run run
             JOIN workflows_app_mutation mutation ON mutation.run_id = run.id
            WHERE run.workflow_id = wanted.workflow AND run.status = 'reconciling'
              AND run.id <> ALL($2::bigint[]) AND mutation.next_reconcile_at IS NOT NULL
            ORDER BY mutation.next_reconcile_at LIMIT $3::int) found
"""
_RETRIES = f"""
    SELECT wanted.workflow, found.* FROM unnest($1::bigint[]) AS wanted(workflow)
      JOIN workflows_app_workflow workflow ON workflow.id = wanted.workflow
     CROSS JOIN LATERAL (
           SELECT run.id, run.retry_due_at, coalesce(settled.missing, false), run.handler_id
             FROM workflows_app_run run
             LEFT JOIN workflows_app_mutation own ON own.run_id = run.id
             LEFT JOIN workflows_app_mutation carried ON carried.id = run.carried_mutation_id
            CROSS JOIN LATERAL (
                  SELECT {ONLY_NEXT_IS_MISSING.format(status="coalesce(own.status, carried.status)")}
                      AS missing) settled
            WHERE run.workflow_id = wanted.workflow AND run.owes_retry
              AND run.retry_due_at IS NOT NULL
              AND (workflow.status = 'active' OR settled.missing)
            ORDER BY run.retry_due_at LIMIT $2::int) found
"""
_STATE = "state.lane, state.state, state.arrivals, state.failures, state.wake_at"
_READY = f"""
    SELECT wanted.handler, found.* FROM unnest($1::bigint[]) AS wanted(handler)
     CROSS JOIN LATERAL (
           (SELECT {_STATE}, state.oldest_pending FROM workflows_app_lanestate state
             WHERE state.handler_id = wanted.handler AND NOT state.is_held
               AND state.oldest_pending IS NOT NULL
               AND (state.arrivals_seen IS NULL
                    OR NOT (state.arrivals_seen = state.arrivals
                            AND state.arrivals_seen IS NOT NULL))
             ORDER BY state.oldest_pending LIMIT $2::int)
           UNION ALL
           (SELECT {_STATE}, NULL FROM workflows_app_lanestate state
             WHERE state.handler_id = wanted.handler AND NOT state.is_held
               AND state.wake_at IS NOT NULL
             ORDER BY state.wake_at LIMIT $2::int)) found
"""
#: The lanes of the runs that came back: one that ends frees its lane.
_FREED = f"""
    SELECT state.handler_id, {_STATE},
           CASE WHEN handler.kind = 'producer' THEN NULL ELSE
               {OLDEST.format(handler="state.handler_id", lane="state.lane")} END,
           state.arrivals_seen, handler.workflow_id
      FROM unnest($1::bigint[], $2::text[]) AS touched(workflow, lane)
      JOIN workflows_app_handler handler ON handler.workflow_id = touched.workflow
     CROSS JOIN LATERAL (
           SELECT * FROM workflows_app_lanestate known
            WHERE known.handler_id = handler.id AND known.lane = touched.lane OFFSET 0) state
"""
_UNNAMED = """
    SELECT topic.workflow_id, {columns} FROM workflows_app_topic topic
     CROSS JOIN LATERAL (
           SELECT event.* FROM workflows_app_event event
            WHERE event.topic_id = topic.id AND event.status = 'pending' AND event.lane IS NULL
            LIMIT 500) event
     WHERE topic.workflow_id = ANY($1::bigint[]) AND topic.consumer_id IS NOT NULL
"""
_BREAKERS: Compiled[Breaker] = Compiled(
    lambda ids: Breaker.objects.filter(handler__workflow__pk__any=ids).select_related("handler")
)


@dataclass(frozen=True)
class Locked:
    """A workflow that this transaction has locked, as it is now."""

    id: int
    status: str
    active_version_id: int | None
    token: int
    holder: str
    expires_at: datetime | None


@dataclass(frozen=True)
class FreedLane:
    """What a handler has in a lane that a run of this turn may free."""

    view: LaneView
    seen: int | None


@dataclass
class Request:
    """What a turn wants to see."""

    holdings: Sequence[Holding]
    run_ids: list[int] = field(default_factory=list)
    #: Of the runs those that may end in this turn, and their lanes.
    ending_ids: list[int] = field(default_factory=list)
    lanes: set[tuple[int, str]] = field(default_factory=set)
    event_ids: list[int] = field(default_factory=list)
    publications: Publications = field(default_factory=lambda: Publications([]))
    #: How many things to begin are to be found; 0: it begins nothing.
    room: int = 0
    #: Wait for the locks, in place of leaving what is locked to the next turn.
    waits: bool = False
    #: A crash of the database may lose what this turn writes: all of it is replayed.
    may_be_lost: bool = False
    is_nested: bool = False


class Sight:
    """What a turn has seen, once `read`."""

    def __init__(self, request: Request) -> None:
        self._request = request
        ids = [holding.id for holding in request.holdings]
        in_hand = [pk for holding in request.holdings for pk in list(holding.hands)]
        workflows, lanes = _arrays(request.lanes)
        handlers = [
            handler.pk
            for holding in request.holdings
            for handler in holding.handlers.values()
            if handler.is_current
        ]
        settings = ["NULL"] if request.is_nested else [_PATIENCE, _NAME, _BY_KEY]
        if request.may_be_lost:
            settings.append(_MAY_BE_LOST)
        wait = "" if request.waits else "SKIP LOCKED"
        self._lock = Tuples(_LOCK.format(wait=wait, settings=", ".join(settings)), [sorted(ids)])
        self._runs = Reading(_RUNS, ([*request.run_ids],))
        held = (request.ending_ids,)
        self._held = Instances(_HELD_EVENTS, held, Event, _EVENT, alias="event")
        wanted = (request.event_ids,)
        self._wanted = Instances(_WANTED_EVENTS, wanted, Event, _EVENT, alias="event")
        self._freed = Tuples(_FREED, [workflows, lanes])
        self._breakers = Reading(_BREAKERS, (ids,))
        room = [request.room]
        self._loose = Tuples(_LOOSE, [ids, in_hand])
        self._reconciles = Tuples(_RECONCILES, [ids, in_hand, *room])
        self._retries = Tuples(_RETRIES, [ids, *room])
        self._ready = Tuples(_READY, [handlers, *room])
        names = ("id", "topic", "message_id", "payload", "revision")
        self._unnamed = Instances(
            _UNNAMED, [ids], Event, names, alias="event", extra=("workflow_id",)
        )

    def read(self) -> None:
        """Read it all. Needs an open transaction, and locks what can be locked."""
        request = self._request
        always: list[Sent] = [self._lock, self._breakers, *request.publications.reads()]
        items: list[Sent] = [self._runs] if request.run_ids else []
        ending: list[Sent] = [self._held, self._freed] if request.ending_ids else []
        events = [self._wanted] if request.event_ids else []
        look: list[Sent] = [
            self._loose,
            self._reconciles,
            self._retries,
            self._ready,
            self._unnamed,
        ]
        absorb = [Tuples(ABSORB)] if request.room else []
        send_together(
            self._lock, *absorb, *always[1:], *items, *ending, *events, *look[: 5 * len(absorb)]
        )
        locked = self._lock.rows()
        self.database_now: datetime = locked[0][-1]
        self.locked = {row[0]: Locked(*row[:-1]) for row in locked if row[0] is not None}
        self.runs = {run.pk: run for run in self._runs.rows()} if items else {}
        self.held: dict[int, list[Event]] = {}
        for event in self._held.rows() if ending else []:
            assert event.reserved_by_id is not None
            self.held.setdefault(event.reserved_by_id, []).append(event)
        self.wanted = {event.pk: event for event in self._wanted.rows()} if events else {}
        self.freed = _freed(self._freed.rows()) if ending else {}
        self.breakers = {breaker.handler_id: breaker for breaker in self._breakers.rows()}
        request.publications.take()
        #: What there is to begin is known.
        self.has_looked = bool(absorb)
        self._take_look()

    def _take_look(self) -> None:
        self.loose: dict[int, list[tuple[Any, ...]]] = {}
        self.reconciles: dict[int, list[DueReconcile]] = {}
        self.retries: dict[int, list[OwedRetry]] = {}
        self.ready: dict[int, list[LaneView]] = {}
        self.unnamed: dict[int, list[Event]] = {}
        if not self.has_looked:
            return
        for workflow, *row in self._loose.rows():
            self.loose.setdefault(workflow, []).append(tuple(row))
        for workflow, *due in self._reconciles.rows():
            self.reconciles.setdefault(workflow, []).append(DueReconcile(*due))
        for workflow, *owed in self._retries.rows():
            self.retries.setdefault(workflow, []).append(OwedRetry(*owed))
        for handler, *row in self._ready.rows():
            self.ready.setdefault(handler, []).append(_view(handler, row))
        for event in self._unnamed.rows():
            workflow_id: int = event.workflow_id  # type: ignore[attr-defined]
            self.unnamed.setdefault(workflow_id, []).append(event)

    def loose_runs(self, holding: Holding) -> tuple[LooseRun, ...]:
        """Return the active runs of `holding` that are in nobody's hands.

        One whose call may be under way is an orphan too, whoever sent it: nobody waits for its answer.
        """
        token = holding.claim.token
        return tuple(
            LooseRun(
                pk,
                lane,
                is_orphaned=fencing not in (None, token) or phase == Run.Phase.MUTATING,
                has_begun_outside=phase in (Run.Phase.MUTATED, Run.Phase.EMITTING),
            )
            for pk, lane, fencing, phase in self.loose.get(holding.id, ())
        )


def _arrays(pairs: Iterable[tuple[int, str]]) -> tuple[list[int], list[str]]:
    ordered = sorted(pairs)
    return [workflow for workflow, _ in ordered], [lane for _, lane in ordered]


def _view(handler: int, row: Sequence[Any]) -> LaneView:
    lane, state, arrivals, failures, wake_at, oldest = row
    value = json.loads(state) if isinstance(state, str) else state
    return LaneView(handler, lane, value, arrivals, failures, oldest, wake_at)


def _freed(rows: Iterable[Sequence[Any]]) -> dict[tuple[int, str], list[FreedLane]]:
    found: dict[tuple[int, str], list[FreedLane]] = {}
    for handler, *row, seen, workflow in rows:
        view = _view(handler, row)
        found.setdefault((workflow, view.lane), []).append(FreedLane(view, seen))
    return found
