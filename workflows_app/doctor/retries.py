"""Chains of retries: nothing that is owed is forgotten, and what was settled is carried on (P1, P2)."""

from __future__ import annotations

from workflows_app.doctor.check import Check, Severity
from workflows_app.doctor.statements import statement

_BY_HAND = "Find in the history of both runs what was written last, and by whom."
#: Pages offer “Retry now” only where a retry is owed.
_MAKES_RETRY = "`manage.py resolve_runs --operation retry_failed_run`"

CHECKS = [
    Check(
        id="D321",
        title="A run is the retry of a run that did not come before it",
        meaning="The chain may go round in a circle, and has no first attempt.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT workflow_id, 'run' AS subject, id,
                   concat('is a retry of run ', retry_of_id) AS detail
              FROM workflows_app_run WHERE retry_of_id >= id
        """),
    ),
    Check(
        id="D322",
        title="A run is the retry of a run of another handler",
        meaning="What was asked of one handler is done by another.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('of handler ', r.handler_id, ' is a retry of run ', p.id,
                          ' of handler ', p.handler_id) AS detail
              FROM workflows_app_run r
              JOIN workflows_app_run p ON p.id = r.retry_of_id
             WHERE r.handler_id <> p.handler_id
        """),
    ),
    Check(
        id="D323",
        title="A run was retried that did not fail",
        meaning="Only an attempt that ended without committing has a retry.",
        remedy=f"Look for what was done twice. {_BY_HAND}",
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('is a retry of run ', p.id, ', which is ', p.status) AS detail
              FROM workflows_app_run r
              JOIN workflows_app_run p ON p.id = r.retry_of_id
             WHERE p.status NOT IN ('failed', 'crashed')
        """),
    ),
    Check(
        id="D324",
        title="A run owes a retry that it has",
        meaning="Only the last run of a chain owes a retry; else its work is done twice.",
        remedy=f"Pause the workflow before the retry is made. {_BY_HAND}",
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('owes a retry, but has run ', n.id) AS detail
              FROM workflows_app_run r
              JOIN workflows_app_run n ON n.retry_of_id = r.id
             WHERE r.owes_retry
        """),
    ),
    Check(
        id="D325",
        title="A retry has a date that is not owed",
        meaning="Lists show a retry that will not come.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT workflow_id, 'run' AS subject, id,
                   concat('is to be retried at ', retry_due_at, ', but owes no retry') AS detail
              FROM workflows_app_run WHERE retry_due_at IS NOT NULL AND NOT owes_retry
        """),
    ),
    Check(
        id="D326",
        title="A retry has the idempotency key that it must not have, or lacks the one it must have",
        meaning=(
            "What a person said did not happen, and what was applied or skipped, goes on under the"
            " same key; all else begins with a fresh prepare, under a new one."
        ),
        remedy=f"Look in the outside system for the effects of both keys. {_BY_HAND}",
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('has key ', coalesce(nullif(r.idempotency_key, ''), 'none'),
                          ', but run ', p.id, ', which it retries, has ',
                          coalesce(nullif(p.idempotency_key, ''), 'none')) AS detail
              FROM workflows_app_run r
              JOIN run_and_outcome p ON p.id = r.retry_of_id
              LEFT JOIN workflows_app_mutation m ON m.id = p.own_id
             WHERE (r.idempotency_key = p.idempotency_key)
                   <> (p.only_next OR m.resolved_by = 'operator')
        """),
    ),
    Check(
        id="D327",
        title="One idempotency key, but two prepare results",
        meaning="The outside system would take one call for the other.",
        remedy=f"Look in the outside system for which of them happened. {_BY_HAND}",
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('has the key of run ', p.id, ', but another prepare result') AS detail
              FROM workflows_app_run r
              JOIN workflows_app_run p ON p.id = r.retry_of_id
             WHERE r.idempotency_key = p.idempotency_key
               AND r.idempotency_key <> ''
               AND r.prepare_result IS DISTINCT FROM p.prepare_result
        """),
    ),
    Check(
        id="D328",
        title="One idempotency key in two chains of retries",
        meaning="The key belongs to one prepare result and the retries that take it over.",
        remedy=f"Look in the outside system for which of them happened. {_BY_HAND}",
        find=statement("""
            SELECT workflow_id, 'run' AS subject, id,
                   concat('has the key of run ', before, ', of which it is no retry') AS detail
              FROM (SELECT workflow_id, id, retry_of_id,
                           lag(id) OVER (PARTITION BY idempotency_key ORDER BY id) AS before
                      FROM workflows_app_run WHERE idempotency_key <> '') runs
             WHERE before IS NOT NULL AND retry_of_id IS DISTINCT FROM before
        """),
    ),
    Check(
        id="D329",
        title="A run carries an outcome that is not the settled one of the run it retries",
        meaning="`next` would be told something else than what happened.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('carries mutation ', c.id, ', which is ', c.status,
                          CASE WHEN r.own_id IS NOT NULL
                               THEN concat('; its own is mutation ', r.own_id)
                               ELSE concat('; the run it retries has ',
                                           coalesce('mutation ' || p.outcome_id, 'none'))
                               END) AS detail
              FROM run_and_outcome r
              JOIN workflows_app_mutation c ON c.id = r.carried_mutation_id
              LEFT JOIN run_and_outcome p ON p.id = r.retry_of_id
             WHERE (r.own_id IS NULL AND r.only_next AND c.id = p.outcome_id) IS NOT TRUE
        """),
    ),
    Check(
        id="D330",
        title="A settled outside effect is not carried to `next`",
        meaning="What follows from the effect would never be published, or the effect be made again.",
        remedy=(
            f"If it failed and has no retry, {_MAKES_RETRY} makes one. Else pause the workflow before its retry"
            f" does the work from the start. {_BY_HAND}"
        ),
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('is ', r.status, ', but mutation ', r.outcome_id, ' is ', r.outcome, '; ',
                          CASE WHEN n.id IS NULL THEN 'it owes no retry and has none'
                               ELSE concat('its retry, run ', n.id, ', does not carry it')
                               END) AS detail
              FROM run_and_outcome r
              LEFT JOIN workflows_app_run n ON n.retry_of_id = r.id
             WHERE r.status IN ('failed', 'crashed')
               AND r.only_next
               AND CASE WHEN n.id IS NULL THEN NOT r.owes_retry
                        ELSE n.carried_mutation_id IS DISTINCT FROM r.outcome_id END
        """),
    ),
    Check(
        id="D331",
        title="A run failed, and owes no retry",
        meaning=(
            "Its handler is there, and was so since. Nothing is lost, since it holds no events; but"
            " nothing says when they are tried again."
        ),
        remedy=(
            f"If it failed, {_MAKES_RETRY} makes a retry, unless another run did its work since. If it"
            " crashed, look at what became of its events."
        ),
        severity=Severity.WARNING,
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('of ', h.name, ' is ', r.status, ', owes no retry and has none') AS detail
              FROM run_and_outcome r
              JOIN workflows_app_handler h ON h.id = r.handler_id
             WHERE r.status IN ('failed', 'crashed')
               AND NOT r.owes_retry
               AND NOT r.only_next
               -- A poll has done nothing: it owes nothing, and comes again by itself.
               AND h.kind = 'consumer'
               -- All that it was about has been skipped.
               AND NOT (EXISTS (SELECT FROM workflows_app_reservation v WHERE v.run_id = r.id)
                        AND NOT EXISTS (SELECT FROM workflows_app_reservation v
                                          JOIN workflows_app_event e ON e.id = v.event_id
                                         WHERE v.run_id = r.id AND e.status <> 'skipped'))
               -- It had reserved nothing, and a person has skipped what it would have taken.
               AND NOT (NOT EXISTS (SELECT FROM workflows_app_reservation v WHERE v.run_id = r.id)
                        AND EXISTS (SELECT FROM workflows_app_historicalrun p
                                     WHERE p.id = r.id AND NOT p.owes_retry
                                       AND p.status IN ('failed', 'crashed')
                                       AND p.history_user_id IS NOT NULL))
               AND NOT EXISTS (SELECT FROM workflows_app_run n WHERE n.retry_of_id = r.id)
               -- A version without the handler drops what it owed.
               AND h.is_current
               AND NOT EXISTS (
                   SELECT FROM workflows_app_historicalworkflow w
                    WHERE w.id = r.workflow_id
                      AND w.history_date >= (SELECT min(e.history_date)
                                               FROM workflows_app_historicalrun e
                                              WHERE e.id = r.id
                                                AND e.status IN ('failed', 'crashed')))
        """),
    ),
    Check(
        id="D332",
        title="A run has ended workers",
        meaning="Something in its events or its code kills or hangs workers. It holds its lane.",
        remedy="“Skip event” on its events, “Retry now” on the run, or a new version.",
        severity=Severity.WARNING,
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('of ', h.name, CASE WHEN r.status = 'failed' THEN ' failed as poison after '
                          ELSE ' is tried again after ' END,
                          r.earlier_crashes + CASE WHEN r.status = 'active' THEN 0 ELSE 1 END,
                          ' crash(es), and ', CASE WHEN r.status = 'active' THEN 'is under way'
                          ELSE 'waits' END, ' in lane "', r.lane, '"') AS detail
              FROM workflows_app_run r JOIN workflows_app_handler h ON h.id = r.handler_id
             WHERE r.owes_retry AND r.failure_kind = 'poison' AND r.retry_due_at IS NULL
                OR r.owes_retry AND r.status = 'crashed' AND r.earlier_crashes > 0
                OR r.status = 'active' AND r.earlier_crashes > 0
        """),
    ),
]
