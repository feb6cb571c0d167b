"""Evidence: what is taken as known about an outside effect was told by the outside system (P3)."""

from __future__ import annotations

from workflows_app.doctor.check import Check, Severity
from workflows_app.doctor.statements import statement

_OUTSIDE = "Check the outcome in the outside system."

CHECKS = [
    Check(
        id="D421",
        title="A mutation is settled by an answer that is not in evidence",
        meaning="What the ledger holds as known was not told by the outside system.",
        remedy=_OUTSIDE,
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('is ', m.status, ' by ', m.resolved_by,
                          ', but no evidence says so') AS detail
              FROM workflows_app_mutation m
              JOIN workflows_app_run r ON r.id = m.run_id
             WHERE m.resolved_by IN ('response', 'reconcile')
               AND NOT EXISTS (
                   SELECT FROM workflows_app_evidence e
                    WHERE e.mutation_id = m.id
                      AND CASE m.resolved_by WHEN 'response' THEN e.kind = 'execute'
                                             ELSE e.kind IN ('reconcile', 'probe') END
                      AND e.verdict = CASE m.status WHEN 'applied' THEN 'applied'
                                                    ELSE 'not_applied' END)
        """),
    ),
    Check(
        id="D422",
        title="A call is over, but what it told is not in evidence",
        meaning="Every call that is no longer in flight leaves evidence, also if nothing came back.",
        remedy=_OUTSIDE,
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('is ', m.status, ', without evidence of the call') AS detail
              FROM workflows_app_mutation m
              JOIN workflows_app_run r ON r.id = m.run_id
             WHERE m.status <> 'in_flight'
               AND NOT EXISTS (SELECT FROM workflows_app_evidence e
                                WHERE e.mutation_id = m.id AND e.kind = 'execute')
        """),
    ),
    Check(
        id="D423",
        title="The host asked about an outcome, but what it was told is not in evidence",
        meaning="Every attempt to reconcile leaves evidence.",
        remedy=_OUTSIDE,
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('was asked about ', m.reconcile_attempts, ' time(s); ',
                          (SELECT count(*) FROM workflows_app_evidence e
                            WHERE e.mutation_id = m.id AND e.kind = 'reconcile'),
                          ' in evidence') AS detail
              FROM workflows_app_mutation m
              JOIN workflows_app_run r ON r.id = m.run_id
             WHERE m.reconcile_attempts > (SELECT count(*) FROM workflows_app_evidence e
                                            WHERE e.mutation_id = m.id AND e.kind = 'reconcile')
        """),
    ),
    Check(
        id="D424",
        title="One mutation was sent more than once",
        meaning="A ledger row is one call. Another call has another row.",
        remedy="Look in the outside system for what happened, and undo by hand what is too much.",
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('was sent ', e.number, ' times') AS detail
              FROM (SELECT mutation_id, count(*) AS number FROM workflows_app_evidence
                     WHERE kind = 'execute' GROUP BY mutation_id HAVING count(*) > 1) e
              JOIN workflows_app_mutation m ON m.id = e.mutation_id
              JOIN workflows_app_run r ON r.id = m.run_id
        """),
    ),
    Check(
        id="D425",
        title="The outside system said the opposite of what the ledger holds",
        meaning=(
            "An answer came late, or a person's assertion was mistaken. If the effect was made"
            " again since, there are two."
        ),
        remedy="Look in the outside system for what happened, and undo by hand what is too much.",
        severity=Severity.WARNING,
        find=statement("""
            SELECT r.workflow_id, 'mutation' AS subject, m.id,
                   concat('is ', m.status, ' by ', m.resolved_by, ', but evidence ', e.id,
                          ' (', e.kind, ') says ', e.verdict) AS detail
              FROM workflows_app_evidence e
              JOIN workflows_app_mutation m ON m.id = e.mutation_id
              JOIN workflows_app_run r ON r.id = m.run_id
             WHERE (m.status = 'failed' AND e.verdict = 'applied')
                OR (m.status = 'applied' AND e.verdict = 'not_applied')
        """),
    ),
]
