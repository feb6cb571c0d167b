"""What is known of each lane: kept by statements over arrays, under the workflow's lock (P2, P8).

`LaneState.oldest_pending` and `is_held` follow from events and runs. Whoever changes those calls
`refresh` for the lanes it touched, in the same transaction; new events come as arrivals, which the host
absorbs when it looks. So what is next is read from an index, however much waits in lanes that are held.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows_app.models import LaneRefusal
from workflows_app.models.rows import Tuples, columns
from workflows_app.models.saving import storable

#: The id of the oldest pending event that handler `h` takes in lane `lane`.
OLDEST = """(SELECT min(first.id) FROM workflows_app_topic topic
    CROSS JOIN LATERAL (SELECT event.id FROM workflows_app_event event
        WHERE event.topic_id = topic.id AND event.lane = {lane} AND event.status = 'pending'
        ORDER BY event.id + 0 LIMIT 1) first
    WHERE topic.consumer_id = {handler})"""
#: Whether a run of lane `lane` is open or owes a retry.
HELD = """coalesce(
    (SELECT true FROM workflows_app_run run WHERE run.workflow_id = {workflow}
        AND run.lane = {lane} AND run.status IN ('active', 'reconciling', 'blocked') LIMIT 1),
    (SELECT true FROM workflows_app_run run WHERE run.workflow_id = {workflow}
        AND run.lane = {lane} AND run.owes_retry LIMIT 1), false)"""
#: The row of a lane that is `touched`, looked up by its key.
TOUCHED = """workflows_app_lanestate known
     WHERE known.handler_id = handler.id AND known.lane = touched.lane OFFSET 0"""

_COLUMNS = (
    "handler_id, lane, state, wake_at, failures, arrivals, arrivals_seen, oldest_pending, is_held"
)


def _new_states(news: str) -> str:
    """Return what lets the lanes of `news`, with `handler` and `lane`, have something new."""
    oldest = OLDEST.format(handler="news.handler", lane="news.lane")
    held = HELD.format(workflow="handler.workflow_id", lane="news.lane")
    return f"""
        INSERT INTO workflows_app_lanestate ({_COLUMNS})
        SELECT news.handler, news.lane, NULL, NULL, 0, 1, NULL, {oldest}, {held}
          FROM {news} news JOIN workflows_app_handler handler ON handler.id = news.handler
         ORDER BY news.handler, news.lane
        ON CONFLICT (handler_id, lane) DO UPDATE
           SET arrivals = workflows_app_lanestate.arrivals + 1,
               oldest_pending = EXCLUDED.oldest_pending
    """


#: Takes the arrivals in the workflows that this transaction has locked.
ABSORB = f"""
    WITH gone AS (
        DELETE FROM workflows_app_arrival arrival USING workflows_app_topic topic
         WHERE topic.id = arrival.topic_id AND topic.consumer_id IS NOT NULL
           AND topic.workflow_id = ANY(current_setting('workflows_app.locked')::bigint[])
        RETURNING topic.consumer_id AS handler, arrival.lane
    ), news AS (SELECT DISTINCT handler, lane FROM gone WHERE lane IS NOT NULL)
    {_new_states("news")}
"""
_ANNOUNCE = _new_states(
    "(SELECT DISTINCT * FROM unnest($1::bigint[], $2::text[]) AS n(handler, lane))"
)

#: Of a lane in which nothing is left, nothing is to be remembered but its state.
_REFRESH = f"""
    WITH seen AS MATERIALIZED (
        SELECT known.*,
               handler.kind = 'consumer' AND known.lane <> '' AND NOT known.is_held_now
                   AND known.oldest IS NULL AND known.state IS NULL AND known.wake_at IS NULL
                   AS is_over
          FROM unnest($1::bigint[], $2::text[]) AS touched(workflow, lane)
          JOIN workflows_app_handler handler ON handler.workflow_id = touched.workflow
         CROSS JOIN LATERAL (
               SELECT known.*,
                      {HELD.format(workflow="touched.workflow", lane="touched.lane")} AS is_held_now,
                      {OLDEST.format(handler="handler.id", lane="touched.lane")} AS oldest
                 FROM {TOUCHED}) known
    ), forgotten AS (
        DELETE FROM workflows_app_lanestate state USING seen
         WHERE state.id = seen.id AND seen.is_over
    )
    UPDATE workflows_app_lanestate state
       SET is_held = seen.is_held_now, oldest_pending = seen.oldest
      FROM seen
     WHERE state.id = seen.id AND NOT seen.is_over
       AND (seen.is_held, seen.oldest_pending)
           IS DISTINCT FROM (seen.is_held_now, seen.oldest)
"""

_NOTE = f"""
    INSERT INTO workflows_app_lanestate ({_COLUMNS})
    SELECT handler_id, lane, state, wake_at, failures, 1, seen, NULL, false
      FROM jsonb_to_recordset($1::jsonb) AS note(handler_id bigint, lane text, state jsonb,
           wake_at timestamptz, failures int, seen bigint)
     ORDER BY handler_id, lane
    ON CONFLICT (handler_id, lane) DO UPDATE
       SET state = EXCLUDED.state, wake_at = EXCLUDED.wake_at, failures = EXCLUDED.failures,
           arrivals_seen = EXCLUDED.arrivals_seen
"""


_REFUSE = """
    WITH named AS (DELETE FROM workflows_app_lanerefusal WHERE event_id = ANY($1::bigint[]))
    INSERT INTO workflows_app_lanerefusal (event_id, revision, version_id, why)
    SELECT * FROM unnest($2::bigint[], $3::int[], $4::bigint[], $5::text[])
     ORDER BY 1
    ON CONFLICT (event_id) DO UPDATE
       SET revision = EXCLUDED.revision, version_id = EXCLUDED.version_id, why = EXCLUDED.why
"""


@dataclass(frozen=True)
class Note:
    """What a handler leaves in a lane when its run commits.

    `seen`: how many arrivals there were when it began, if it took nothing.
    """

    handler_id: int
    lane: str
    state: Any
    wake_at: datetime | None
    seen: int | None
    failures: int = 0


def note(notes: Sequence[Note]) -> Tuples:
    """Return the statement that keeps `notes`. Needs the workflows' locks."""
    return Tuples(_NOTE, [json.dumps([vars(one) for one in notes], default=datetime.isoformat)])


def refuse(refused: Sequence[LaneRefusal], *, named: Sequence[int]) -> Tuples:
    """Return the statement that keeps which events have no lane, and forgets those that are `named` now."""
    rows = [(one.event_id, one.revision, one.version_id, storable(one.why)) for one in refused]
    return Tuples(_REFUSE, [list(named), *columns(rows, 4)])


def announce(news: Iterable[tuple[int, str]]) -> Tuples:
    """Return the statement that tells handlers of new events in lanes. Needs the workflows' locks."""
    return Tuples(_ANNOUNCE, columns(news, 2))


def refresh(touched: Iterable[tuple[int, str]]) -> Tuples:
    """Return the statement that brings the lanes `touched`, as (workflow, lane), up to date.

    Needs the workflows' locks, and comes after what was changed.
    """
    return Tuples(_REFRESH, columns(sorted(set(touched)), 2))


def refresh_now(*touched: tuple[int, str]) -> None:
    """Bring the lanes `touched` up to date, in a transaction that holds the workflows' locks."""
    if touched:
        refresh(touched).execute()
