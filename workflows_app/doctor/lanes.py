"""Lanes and breakers: what the host keeps in mind is what runs and events say (P2, P8).

A lane that a run holds is not looked at, so its oldest event is compared only while it is free. It is
behind as long as an arrival waits, and an event that went to another lane or was taken leaves a number
that is too low: the next run there finds nothing, and puts it right.
"""

# ruff: noqa: S608 - what is put into the statements stands in this app

from __future__ import annotations

from django.db import connection, transaction

from workflows_app.conf import PRODUCER_LANE
from workflows_app.doctor.check import Check, Found, Scope, Severity
from workflows_app.doctor.statements import statement
from workflows_app.engine.claims import lock_workflow
from workflows_app.engine.lanes import HELD, announce, refresh_now
from workflows_app.models import LaneState
from workflows_app.waking import wake_at

#: So many polls of a producer that failed in a row are no outage of minutes any more.
_POLLS_FAILED = 3
_BY_HAND = "Find in the history of the row what was written last, and by whom."

#: Consumers `h`, and lanes in which their events wait without their knowing.
_UNKNOWN = """
    SELECT h.workflow_id, h.id, h.name, waiting.lane, waiting.oldest
      FROM (SELECT t.consumer_id, e.lane, min(e.id) AS oldest
              FROM workflows_app_topic t JOIN workflows_app_event e ON e.topic_id = t.id
             WHERE e.status = 'pending' AND e.lane IS NOT NULL
             GROUP BY t.consumer_id, e.lane) waiting
      JOIN workflows_app_handler h ON h.id = waiting.consumer_id AND h.is_current
      LEFT JOIN workflows_app_lanestate s ON s.handler_id = h.id AND s.lane = waiting.lane
     WHERE (s.is_held OR s.oldest_pending <= waiting.oldest) IS NOT TRUE
       AND NOT EXISTS (SELECT FROM workflows_app_arrival a
                         JOIN workflows_app_topic t ON t.id = a.topic_id
                        WHERE t.consumer_id = h.id AND a.lane = waiting.lane)
"""


def _refresh(found: Found, scope: Scope) -> None:
    assert found.workflow_id is not None
    with transaction.atomic():
        lock_workflow(found.workflow_id)
        for state in LaneState.objects.filter(pk=found.id):
            refresh_now((found.workflow_id, state.lane))
        wake_at(found.workflow_id, due_at=scope.clock())


def _let_know(found: Found, scope: Scope) -> None:
    assert found.workflow_id is not None
    with transaction.atomic():
        lock_workflow(found.workflow_id)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id, lane FROM ({_UNKNOWN}) u WHERE id = %s", [found.id])
            unknown: list[tuple[int, str]] = cursor.fetchall()
        if unknown:
            announce(unknown).execute()
            refresh_now(*((found.workflow_id, lane) for _, lane in unknown))
        wake_at(found.workflow_id, due_at=scope.clock())


CHECKS = [
    Check(
        id="D341",
        title="A lane counts as held though it is free, or the other way round",
        meaning="Nothing is ever begun in it, or the host tries to begin a run beside another one.",
        remedy="`manage.py doctor --fix` looks at its runs again. That is safe: it changes no run.",
        find=statement(f"""
            SELECT h.workflow_id, 'lane state' AS subject, s.id,
                   concat('of ', h.name, ' in lane "', s.lane, '" is ',
                          CASE WHEN s.is_held THEN 'held, but no run of the lane is open or owes'
                               ELSE 'free, but a run of the lane is open or owes' END,
                          ' a retry') AS detail
              FROM workflows_app_lanestate s JOIN workflows_app_handler h ON h.id = s.handler_id
             WHERE s.is_held <> {HELD.format(workflow="h.workflow_id", lane="s.lane")}
        """),
        fix=_refresh,
    ),
    Check(
        id="D342",
        title="Events wait in a lane without their consumer's knowing",
        meaning="No run is begun for them before another event comes there.",
        remedy="`manage.py doctor --fix` announces them once more. That is safe: the host looks, no more.",
        find=statement(f"""
            SELECT workflow_id, 'handler' AS subject, id,
                   concat(name, ' does not know that event ', oldest, ' waits in lane "', lane,
                          '"') AS detail
              FROM ({_UNKNOWN}) u
        """),
        fix=_let_know,
    ),
    Check(
        id="D343",
        title="A consumer's work is in the lane of a producer, or the other way round",
        meaning="A poll and the handling of an event hold each other up.",
        remedy=_BY_HAND,
        find=statement(f"""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('of ', h.kind, ' ', h.name, ' is in lane "', r.lane, '"') AS detail
              FROM run_and_outcome r JOIN workflows_app_handler h ON h.id = r.handler_id
             WHERE (r.is_open OR r.owes_retry)
               AND CASE h.kind WHEN 'producer' THEN r.lane <> concat('{PRODUCER_LANE}', h.name)
                               ELSE starts_with(r.lane, '{PRODUCER_LANE}') END
            UNION ALL
            SELECT t.workflow_id, 'event', e.id, concat('is in lane "', e.lane, '"')
              FROM workflows_app_event e JOIN workflows_app_topic t ON t.id = e.topic_id
             WHERE e.status IN ('pending', 'reserved') AND starts_with(e.lane, '{PRODUCER_LANE}')
        """),
    ),
    Check(
        id="D344",
        title="A run holds an event of another lane",
        meaning="Another run may hold the lane of the event at the same time.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'event' AS subject, e.id,
                   concat('of lane ', coalesce('"' || e.lane || '"', 'unknown'),
                          ' is reserved by run ', r.id, ' of lane "', r.lane, '"') AS detail
              FROM workflows_app_event e
              JOIN workflows_app_run r ON r.id = e.reserved_by_id
             WHERE e.lane IS DISTINCT FROM r.lane
        """),
    ),
    Check(
        id="D345",
        title="A breaker is not what its numbers say",
        meaning="Calls go out that should not, or are held back for nothing.",
        remedy="If calls are held back, “Send again” on the breaker. " + _BY_HAND,
        find=statement("""
            SELECT h.workflow_id, 'breaker' AS subject, b.id,
                   concat('of ', h.kind, ' ', h.name, ' is ', b.status, ', with ', b.unknowns,
                          ' unknown(s) and ', b.openings, ' opening(s), opened at ',
                          coalesce(b.opened_at::text, 'no known time')) AS detail
              FROM workflows_app_breaker b JOIN workflows_app_handler h ON h.id = b.handler_id
             WHERE h.kind <> 'consumer'
                OR CASE b.status WHEN 'closed' THEN b.openings = 0 AND b.opened_at IS NULL
                                 ELSE b.openings > 0 AND b.unknowns > 0
                                      AND b.opened_at IS NOT NULL END IS NOT TRUE
        """),
    ),
    Check(
        id="D346",
        title="The code can't name the lane of an event",
        meaning="It waits and holds nothing up. It is asked about again for another payload or by other code.",
        remedy=(
            "Deploy code whose `lane` can name it, publish it again with another payload, or skip it"
            " (“Skip event”)."
        ),
        severity=Severity.WARNING,
        find=statement("""
            SELECT t.workflow_id, 'event' AS subject, e.id,
                   concat('is pending and in no lane: ', refusal.why) AS detail
              FROM workflows_app_lanerefusal refusal
              JOIN workflows_app_event e ON e.id = refusal.event_id
               AND e.revision = refusal.revision AND e.status = 'pending' AND e.lane IS NULL
              JOIN workflows_app_topic t ON t.id = e.topic_id
              JOIN workflows_app_workflow w ON w.id = t.workflow_id
               AND w.active_version_id = refusal.version_id
        """),
    ),
    Check(
        id="D347",
        title="A producer fails each time",
        meaning="Nothing new comes in by it. It polls again by itself, and no person is asked.",
        remedy="Its last run says why: put that right, or deploy a version that can poll.",
        severity=Severity.WARNING,
        find=statement(f"""
            SELECT h.workflow_id, 'handler' AS subject, h.id,
                   concat(h.name, ' failed ', s.failures, ' times in a row') AS detail
              FROM workflows_app_lanestate s
              JOIN workflows_app_handler h ON h.id = s.handler_id AND h.is_current
              JOIN workflows_app_workflow w ON w.id = h.workflow_id AND w.retired_at IS NULL
             WHERE h.kind = 'producer' AND s.failures >= {_POLLS_FAILED}
        """),
    ),
]
