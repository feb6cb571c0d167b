"""Runs that say something else than their mutation are found (P2, P3)."""

from __future__ import annotations

from tests.doctor.planting import Planted

CASES = [
    Planted(
        "D301",
        rows="blocked",
        sql="UPDATE workflows_app_run SET status = 'active' WHERE id = %(run)s",
        finds=["shop: run {run} is active, but its mutation is indeterminate"],
    ),
    Planted(
        "D301",
        rows="blocked",
        sql=(
            "DELETE FROM workflows_app_evidence WHERE mutation_id = %(mutation)s;"
            "DELETE FROM workflows_app_mutation WHERE id = %(mutation)s"
        ),
        finds=["shop: run {run} is blocked, but its mutation is missing"],
    ),
    Planted(
        "D302",
        rows="reconciling",
        sql="UPDATE workflows_app_run SET status = 'blocked' WHERE id = %(run)s",
        finds=["shop: run {run} is blocked, but its mutation is needs_reconcile"],
    ),
    Planted(
        "D302",
        rows="reconciling",
        sql=(
            "UPDATE workflows_app_mutation SET status = 'in_flight', next_reconcile_at = NULL"
            " WHERE id = %(mutation)s"
        ),
        finds=["shop: run {run} is reconciling, but its mutation is in_flight"],
    ),
    Planted(
        "D303",
        rows="blocked",
        sql="UPDATE workflows_app_mutation SET status = 'in_flight' WHERE id = %(mutation)s",
        finds=[
            "shop: run {run} is blocked in phase mutating, but its mutation is in_flight",
        ],
    ),
    Planted(
        "D303",
        rows="blocked",
        sql="UPDATE workflows_app_run SET status = 'active' WHERE id = %(run)s",
        finds=[
            "shop: run {run} is active in phase mutating, but its mutation is indeterminate",
        ],
    ),
    Planted(
        "D304",
        rows="blocked",
        sql="UPDATE workflows_app_run SET phase = 'mutated' WHERE id = %(run)s",
        finds=["shop: run {run} is in phase mutated, but its outcome is indeterminate"],
    ),
    Planted(
        "D304",
        rows="owing",
        sql="UPDATE workflows_app_run SET phase = 'mutating' WHERE id = %(run)s",
        finds=["shop: run {run} is in phase mutating, but its outcome is applied"],
    ),
    Planted(
        "D304",
        rows="owing",
        sql="UPDATE workflows_app_run SET phase = 'prepared' WHERE id = %(run)s",
        finds=["shop: run {run} is in phase prepared, but its outcome is applied"],
    ),
    Planted(
        "D304",
        rows="asserted",
        sql="UPDATE workflows_app_run SET phase = 'emitting' WHERE id = %(run)s",
        finds=["shop: run {run} is in phase emitting, but its outcome is failed"],
    ),
    Planted(
        "D305",
        rows="paid",
        sql="UPDATE workflows_app_run SET ended_at = NULL WHERE id = %(run)s",
        finds=["shop: run {run} is committed, and its end is not recorded"],
    ),
    Planted(
        "D305",
        rows="blocked",
        sql="UPDATE workflows_app_run SET ended_at = '2026-01-02 03:04:05Z' WHERE id = %(run)s",
        finds=["shop: run {run} is blocked, and its end is 2026-01-02 03:04:05+00"],
    ),
    Planted(
        "D306",
        rows="asserted",
        sql=(
            "UPDATE workflows_app_run SET owes_retry = true WHERE id = %(run)s;"
            "UPDATE workflows_app_run SET status = 'active', phase = 'mutated' WHERE id = %(run2)s"
        ),
        finds=["shop: run {run2} is active, while run {run} owes a retry"],
    ),
    Planted(
        "D307",
        rows="paid",
        sql=(
            "UPDATE workflows_app_lease SET token = 3;"
            "UPDATE workflows_app_run SET fencing_token = 2;"
            "UPDATE workflows_app_run SET fencing_token = 4 WHERE id = %(run)s"
        ),
        finds=["shop: run {run} has token 4, but the last claim had 3"],
    ),
    Planted(
        "D308",
        rows="blocked",
        sql="UPDATE workflows_app_run SET prepare_result = NULL WHERE id = %(run)s",
        finds=["shop: run {run} lacks its prepare result"],
    ),
    Planted(
        "D308",
        rows="paid",
        sql=(
            "UPDATE workflows_app_run SET idempotency_key = '' WHERE id = %(run)s;"
            "DELETE FROM workflows_app_reservation WHERE run_id = %(run)s"
        ),
        finds=["shop: run {run} lacks its idempotency key, its reservations"],
    ),
]
