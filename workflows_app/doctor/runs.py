"""Runs against the ledger: why a run waits, and what its mutation says, are one truth (P2, P3)."""

from __future__ import annotations

from workflows_app.doctor.check import Check
from workflows_app.doctor.statements import statement

_BY_HAND = "Find in the history of the run and its mutation what was written last, and by whom."

CHECKS = [
    Check(
        id="D301",
        title="A run is blocked without an indeterminate outcome, or the other way round",
        meaning="A person is asked for what is known, or nobody is asked for what is not.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('is ', r.status, ', but its mutation is ',
                          coalesce(m.status, 'missing')) AS detail
              FROM workflows_app_run r
              LEFT JOIN workflows_app_mutation m ON m.run_id = r.id
             WHERE (r.status = 'blocked') <> (coalesce(m.status, '') = 'indeterminate')
        """),
    ),
    Check(
        id="D302",
        title="A run is reconciling without an outcome to reconcile, or the other way round",
        meaning="The host asks for what is known, or does not ask for what is not.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('is ', r.status, ', but its mutation is ',
                          coalesce(m.status, 'missing')) AS detail
              FROM workflows_app_run r
              LEFT JOIN workflows_app_mutation m ON m.run_id = r.id
             WHERE (r.status = 'reconciling') <> (coalesce(m.status, '') = 'needs_reconcile')
        """),
    ),
    Check(
        id="D303",
        title="A call is in flight of a run that is not making it, or the other way round",
        meaning="Only an active run in phase mutating has a call in flight; recovery looks nowhere else.",
        remedy=f"Whether the call arrived must be found out outside. {_BY_HAND}",
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('is ', r.status, ' in phase ', r.phase, ', but its mutation is ',
                          coalesce(m.status, 'missing')) AS detail
              FROM workflows_app_run r
              LEFT JOIN workflows_app_mutation m ON m.run_id = r.id
             WHERE (r.status = 'active' AND r.phase = 'mutating')
                   <> (coalesce(m.status, '') = 'in_flight')
        """),
    ),
    Check(
        id="D304",
        title="The phase of a run is not what its ledger says",
        meaning=(
            "A call that may have left has a mutation; one in phase mutated or after has an outcome"
            " if it has a mutation; recovery and `next` rely on it."
        ),
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('is in phase ', r.phase, ', but its outcome is ',
                          coalesce(r.outcome, 'none')) AS detail
              FROM run_and_outcome r
             WHERE CASE
                   WHEN r.phase IN ('preparing', 'prepared') THEN r.outcome IS NULL
                   WHEN r.phase = 'mutating'
                        THEN r.own_id IS NOT NULL AND r.outcome NOT IN ('applied', 'skipped')
                   WHEN r.phase = 'mutated' THEN r.only_next
                   ELSE r.outcome IS NULL OR r.only_next
                   END IS NOT TRUE
        """),
    ),
    Check(
        id="D305",
        title="A run has ended without a date, or has a date without having ended",
        meaning="Lists and charts show it wrongly.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT workflow_id, 'run' AS subject, id,
                   concat('is ', status, ', and its end is ',
                          coalesce(ended_at::text, 'not recorded')) AS detail
              FROM workflows_app_run
             WHERE (status IN ('committed', 'failed', 'crashed')) <> (ended_at IS NOT NULL)
        """),
    ),
    Check(
        id="D306",
        title="A run goes on while another one of its lane owes a retry",
        meaning="While a lane is blocked or backing off nothing else of it may start.",
        remedy=f"Pause the workflow; the retry waits until the open run has ended. {_BY_HAND}",
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('is ', r.status, ', while run ', o.id, ' owes a retry') AS detail
              FROM run_and_outcome r
              JOIN workflows_app_run o ON o.workflow_id = r.workflow_id AND o.lane = r.lane
                   AND o.owes_retry
             WHERE r.is_open
        """),
    ),
    Check(
        id="D307",
        title="A run was written under a claim that was never given",
        meaning="Workers can no longer be told apart: one that is thought dead might still write.",
        remedy="Stop all workers, and raise the token of the lease above every token of a run.",
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('has token ', r.fencing_token, ', but the last claim had ',
                          l.token) AS detail
              FROM workflows_app_run r
              JOIN workflows_app_lease l ON l.workflow_id = r.workflow_id
             WHERE r.fencing_token > l.token
        """),
    ),
    Check(
        id="D308",
        title="A run is past its checkpoint without what the checkpoint writes",
        meaning="Prepare result, idempotency key and reservations are written at once, before any call.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('lacks ', concat_ws(', ',
                          CASE WHEN r.prepare_result IS NULL THEN 'its prepare result' END,
                          CASE WHEN r.idempotency_key = '' THEN 'its idempotency key' END,
                          CASE WHEN v.run_id IS NULL THEN 'its reservations' END)) AS detail
              FROM run_and_outcome r
              LEFT JOIN (SELECT DISTINCT run_id FROM workflows_app_reservation) v ON v.run_id = r.id
             WHERE (r.phase IN ('prepared', 'mutating', 'mutated') OR r.outcome IS NOT NULL
                    OR v.run_id IS NOT NULL)
               AND (r.prepare_result IS NULL OR r.idempotency_key = '' OR v.run_id IS NULL)
        """),
    ),
]
