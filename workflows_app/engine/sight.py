"""What a turn reads: one look under the locks, one round trip for all that a worker holds (P2, P8).

A workflow that somebody else has locked is skipped, and left to the next turn. The other statements of the
round trip must not act on it: the lock tells them by a setting of the transaction which ones it got.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from workflows_app.engine.claims import IMPATIENT, MAY_BE_LOST, NAMED
from workflows_app.engine.holding import Hand, Holding, LaneView
from workflows_app.engine.lanes import ABSORB, OLDEST, TOUCHED
from workflows_app.engine.publications import Publications
from workflows_app.engine.standing import EVENT, Standing
from workflows_app.engine.work import LANE_STATE, Work, lane_view
from workflows_app.models import Breaker, Event
from workflows_app.models.reading import Compiled, Reading
from workflows_app.models.rows import Instances, Sent, Tuples, columns, send_together

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
#: What a turn reads is a few rows by their keys, and much of what was there is gone. A plan that was made
#: while a table was small would read all of it later; one by a bitmap looks at all that is gone, each time.
_BY_KEY = (
    "set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('plan_cache_mode', 'force_generic_plan', true)"
)

_WANTED_EVENTS = """
    SELECT {columns} FROM workflows_app_event event
     WHERE event.id = ANY($1::bigint[]) ORDER BY event.id FOR NO KEY UPDATE SKIP LOCKED
"""
#: The lanes of the runs that came back: one that ends frees its lane.
_FREED = f"""
    SELECT state.handler_id, {LANE_STATE},
           CASE WHEN handler.kind = 'producer' THEN NULL ELSE
               {OLDEST.format(handler="state.handler_id", lane="state.lane")} END,
           handler.workflow_id
      FROM unnest($1::bigint[], $2::text[]) AS touched(workflow, lane)
      JOIN workflows_app_handler handler ON handler.workflow_id = touched.workflow
     CROSS JOIN LATERAL (SELECT * FROM {TOUCHED}) state
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


class Sight:
    """What a turn has seen, once `read`.

    `hands`: the runs that came back; `ending`: those of them that may end in this turn. `event_ids`: what is to
    be reserved or named. `room`: how many things to begin are to be found; 0: it begins nothing. `waits`: for
    the locks, in place of leaving what is locked to the next turn. `may_be_lost`: a crash of the database may
    lose what this turn writes, for all of it is replayed.
    """

    def __init__(
        self,
        holdings: Sequence[Holding],
        *,
        hands: Sequence[Hand] = (),
        ending: Sequence[Hand] = (),
        event_ids: Sequence[int] = (),
        publications: Publications | None = None,
        room: int = 0,
        waits: bool = False,
        may_be_lost: bool = False,
        is_nested: bool = False,
    ) -> None:
        ids = [holding.id for holding in holdings]
        lanes = sorted({(hand.holding.id, hand.run.lane) for hand in ending})
        # A row that an application is writing is waited for only for a moment: then the turn goes on without its run.
        settings = ["NULL"] if is_nested else [IMPATIENT, NAMED, _BY_KEY]
        if may_be_lost:
            settings.append(MAY_BE_LOST)
        wait = "" if waits else "SKIP LOCKED"
        self._lock = Tuples(_LOCK.format(wait=wait, settings=", ".join(settings)), [ids])
        self._breakers = Reading(_BREAKERS, (ids,))
        self._standing = Standing(hands, ending=ending) if hands else None
        self._freed = Tuples(_FREED, columns(lanes, 2)) if lanes else None
        wanted = Instances(_WANTED_EVENTS, (list(event_ids),), Event, EVENT, alias="event")
        self._wanted = wanted if event_ids else None
        self._publications = publications
        self.work = Work(holdings, room)
        #: What there is to begin is known.
        self.has_looked = room > 0

    def read(self) -> None:
        """Read it all. Needs an open transaction, and locks what can be locked."""
        standing, publications = self._standing, self._publications
        sent: list[Sent] = [self._lock, *([Tuples(ABSORB)] if self.has_looked else ())]
        if standing is not None:
            sent += standing.statements()
        sent += [one for one in (self._breakers, self._freed, self._wanted) if one is not None]
        if publications is not None:
            sent += publications.reads()
        if self.has_looked:
            sent += self.work.statements()
        send_together(*sent)
        locked = self._lock.rows()
        self.database_now: datetime = locked[0][-1]
        self.locked = {row[0]: Locked(*row[:-1]) for row in locked if row[0] is not None}
        self.breakers = {breaker.handler_id: breaker for breaker in self._breakers.rows()}
        self.runs, self.held = standing.take() if standing is not None else ({}, {})
        #: By the workflow and the lane that a run may leave, what each handler has there.
        self.freed: dict[tuple[int, str], list[LaneView]] = {}
        for handler, *row, workflow in self._freed.rows() if self._freed else ():
            view = lane_view(handler, row)
            self.freed.setdefault((workflow, view.lane), []).append(view)
        self.wanted = {event.pk: event for event in self._wanted.rows()} if self._wanted else {}
        if publications is not None:
            publications.take()
        if self.has_looked:
            self.work.take()
