"""Outside effects: none is sent twice, and each has somebody or something that settled it (P1, P3)."""

from __future__ import annotations

from workflows_app.doctor.check import Check
from workflows_app.doctor.statements import statement

_OUTSIDE = "Look in the outside system for what happened, and undo by hand what is too much."
_BY_HAND = "Find in the history of the mutation what was written last, and by whom."

CHECKS = [
    Check(
        id="D401",
        title="One idempotency key was applied twice",
        meaning="The outside effect was made twice, unless the outside system honours keys.",
        remedy=_OUTSIDE,
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('was applied under key ', m.idempotency_key, ', as mutation ',
                          m.before, ' was') AS detail
              FROM (SELECT id, run_id, idempotency_key,
                           lag(id) OVER (PARTITION BY idempotency_key ORDER BY id) AS before
                      FROM workflows_app_mutation WHERE status = 'applied') m
              JOIN workflows_app_run r ON r.id = m.run_id
             WHERE m.before IS NOT NULL
        """),
    ),
    Check(
        id="D402",
        title="A call was sent again, though nobody asserted that it did not happen",
        meaning="After an unknown outcome only a person's assertion lets the host send the same call again.",
        remedy=_OUTSIDE,
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('was sent under the key of mutation ', m.before, ', which is ',
                          m.status_before) AS detail
              FROM (SELECT id, run_id,
                           lag(id) OVER keys AS before,
                           lag(status) OVER keys AS status_before,
                           lag(resolved_by) OVER keys AS resolved_before
                      FROM workflows_app_mutation
                    WINDOW keys AS (PARTITION BY idempotency_key ORDER BY id)) m
              JOIN workflows_app_run r ON r.id = m.run_id
             WHERE m.before IS NOT NULL
               AND (m.status_before = 'failed' AND m.resolved_before = 'operator') IS NOT TRUE
        """),
    ),
    Check(
        id="D403",
        title="An event led to two outside effects",
        meaning="Of all effects of the runs that reserved it, at most one may have happened.",
        remedy=_OUTSIDE,
        find=statement("""
            SELECT t.workflow_id, 'event' AS subject, e.id,
                   concat('led to mutations ', string_agg(m.id::text, ', ' ORDER BY m.id),
                          ', all of which may have happened') AS detail
              FROM workflows_app_mutation m
              JOIN workflows_app_reservation v ON v.run_id = m.run_id
              JOIN workflows_app_event e ON e.id = v.event_id
              JOIN workflows_app_topic t ON t.id = e.topic_id
             WHERE m.status <> 'failed'
             GROUP BY t.workflow_id, e.id
            HAVING count(*) > 1
        """),
    ),
    Check(
        id="D404",
        title="A mutation has not the idempotency key of its run",
        meaning="A retry would send another key, and the outside system take it for another call.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('has key ', coalesce(nullif(m.idempotency_key, ''), 'none'),
                          ', its run ', r.id, ' has ',
                          coalesce(nullif(r.idempotency_key, ''), 'none')) AS detail
              FROM workflows_app_mutation m
              JOIN workflows_app_run r ON r.id = m.run_id
             WHERE m.idempotency_key <> r.idempotency_key OR m.idempotency_key = ''
        """),
    ),
    Check(
        id="D405",
        title="A mutation is settled without a date, or has a date without being settled",
        meaning="When it was settled can't be told.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('is ', m.status, ', and was settled ',
                          coalesce('at ' || m.resolved_at, 'at no known time')) AS detail
              FROM workflows_app_mutation m
              JOIN workflows_app_run r ON r.id = m.run_id
             WHERE (m.status IN ('applied', 'failed', 'skipped')) <> (m.resolved_at IS NOT NULL)
        """),
    ),
    Check(
        id="D406",
        title="A mutation is settled by somebody who can't have settled it so",
        meaning="Only a person skips; answers and reconciliation never do.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('is ', m.status, ', by ', m.resolved_by) AS detail
              FROM workflows_app_mutation m
              JOIN workflows_app_run r ON r.id = m.run_id
             WHERE m.status = 'skipped' AND m.resolved_by <> 'operator'
        """),
    ),
    Check(
        id="D407",
        title="A mutation is settled by a person, but nobody's decision is recorded",
        meaning="An outcome was asserted, and nobody can be asked about it.",
        remedy=f"Check the outcome in the outside system. {_BY_HAND}",
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('is ', m.status, ' by a person, without a decision on run ',
                          r.id) AS detail
              FROM workflows_app_mutation m
              JOIN workflows_app_run r ON r.id = m.run_id
             WHERE m.resolved_by = 'operator'
               AND NOT EXISTS (SELECT FROM workflows_app_operatoraction a
                                WHERE a.run_id = r.id
                                  AND a.operation = CASE m.status
                                      WHEN 'skipped' THEN 'skip_run'
                                      WHEN 'applied' THEN 'it_happened'
                                      ELSE 'it_didnt_happen' END)
        """),
    ),
]
