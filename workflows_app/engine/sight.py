"""What a turn reads: one look under the locks, one round trip for all that a worker holds (P2, P8).

A workflow that somebody else has locked is skipped, and left to the next turn. The other statements of the
round trip must not act on it: the lock tells them by a setting of the transaction which ones it got.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workflows_app.engine.holding import Hand, Holding, LaneView
from workflows_app.engine.lanes import ABSORB, OLDEST
from workflows_app.engine.publications import Publications
from workflows_app.engine.standing import EVENT, Standing
from workflows_app.engine.work import LANE_STATE, Work, lane_view
from workflows_app.models import Breaker, Event
from workflows_app.models.reading import Compiled, Reading
from workflows_app.models.rows import Instances, Sent, Tuples, send_together
from workflows_app.waking import SESSION_NAME

_LOCK = """
    WITH locked AS MATERIALIZED (
        SELECT workflow.id, workflow.status, workflow.active_version_id,
               lease.token, lease.holder, lease.claimed_by, lease.expires_at
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
_BY_KEY = (
    "set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('plan_cache_mode', 'force_generic_plan', true)"
)
_MAY_BE_LOST = "set_config('synchronous_commit', 'off', true)"

_WANTED_EVENTS = """
    SELECT {columns} FROM workflows_app_event event
     WHERE event.id = ANY($1::bigint[]) ORDER BY event.id FOR NO KEY UPDATE SKIP LOCKED
"""
#: The lanes of the runs that came back: one that ends frees its lane.
_FREED = f"""
    SELECT state.handler_id, {LANE_STATE},
           CASE WHEN handler.kind = 'producer' THEN NULL ELSE
               {OLDEST.format(handler="state.handler_id", lane="state.lane")} END,
           state.arrivals_seen, handler.workflow_id
      FROM unnest($1::bigint[], $2::text[]) AS touched(workflow, lane)
      JOIN workflows_app_handler handler ON handler.workflow_id = touched.workflow
     CROSS JOIN LATERAL (
           SELECT * FROM workflows_app_lanestate known
            WHERE known.handler_id = handler.id AND known.lane = touched.lane OFFSET 0) state
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
    claimed_by: str
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
    hands: Sequence[Hand] = ()
    #: Of the runs those that may end in this turn, and their lanes.
    ending: Sequence[Hand] = ()
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
        lanes = sorted(request.lanes)
        settings = ["NULL"] if request.is_nested else [_PATIENCE, _NAME, _BY_KEY]
        if request.may_be_lost:
            settings.append(_MAY_BE_LOST)
        wait = "" if request.waits else "SKIP LOCKED"
        self._lock = Tuples(_LOCK.format(wait=wait, settings=", ".join(settings)), [ids])
        self._standing = Standing(request.hands, ending=request.ending)
        wanted = (request.event_ids,)
        self._wanted = Instances(_WANTED_EVENTS, wanted, Event, EVENT, alias="event")
        self._freed = Tuples(_FREED, [[pk for pk, _ in lanes], [lane for _, lane in lanes]])
        self._breakers = Reading(_BREAKERS, (ids,))
        self.work = Work(request.holdings, request.room)

    def read(self) -> None:
        """Read it all. Needs an open transaction, and locks what can be locked."""
        request = self._request
        always: list[Sent] = [self._lock, self._breakers, *request.publications.reads()]
        items: list[Sent] = [self._standing.compared] if request.hands else []
        ending: list[Sent] = [self._freed] if request.ending else []
        events = [self._wanted] if request.event_ids else []
        absorb: list[Sent] = [Tuples(ABSORB)] if request.room else []
        look: list[Sent] = [*self.work.statements()] if request.room else []
        send_together(self._lock, *absorb, *always[1:], *items, *ending, *events, *look)
        locked = self._lock.rows()
        self.database_now: datetime = locked[0][-1]
        self.locked = {row[0]: Locked(*row[:-1]) for row in locked if row[0] is not None}
        if items:
            self._standing.take()
        self.runs, self.held = self._standing.runs, self._standing.events
        self.wanted = {event.pk: event for event in self._wanted.rows()} if events else {}
        self.freed = _freed(self._freed.rows()) if ending else {}
        self.breakers = {breaker.handler_id: breaker for breaker in self._breakers.rows()}
        request.publications.take()
        #: What there is to begin is known.
        self.has_looked = bool(look)
        if self.has_looked:
            self.work.take()


def _freed(rows: Iterable[Sequence[Any]]) -> dict[tuple[int, str], list[FreedLane]]:
    found: dict[tuple[int, str], list[FreedLane]] = {}
    for handler, *row, seen, workflow in rows:
        view = lane_view(handler, row)
        found.setdefault((workflow, view.lane), []).append(FreedLane(view, seen))
    return found
