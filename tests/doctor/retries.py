"""Chains of retries that forget something, or do it twice, are found (P1, P2)."""

from __future__ import annotations

from tests.doctor.planting import Planted

CASES = [
    Planted(
        "D321",
        rows="carried",
        sql=(
            "UPDATE workflows_app_run SET retry_of_id = %(run2)s WHERE id = %(run)s;"
            "UPDATE workflows_app_run SET retry_of_id = %(run)s WHERE id = %(run2)s"
        ),
        finds=["shop: run {run} is a retry of run {run2}"],
    ),
    Planted(
        "D322",
        rows="carried",
        sql="UPDATE workflows_app_run SET handler_id = %(other_handler)s WHERE id = %(run2)s",
        finds=[
            "shop: run {run2} of handler {other_handler} is a retry of run {run} of handler"
            " {handler}"
        ],
    ),
    Planted(
        "D323",
        rows="paid",
        sql="UPDATE workflows_app_run SET retry_of_id = %(run)s WHERE id = %(run2)s",
        finds=["shop: run {run2} is a retry of run {run}, which is committed"],
    ),
    Planted(
        "D324",
        rows="carried",
        sql="UPDATE workflows_app_run SET owes_retry = true WHERE id = %(run)s",
        finds=["shop: run {run} owes a retry, but has run {run2}"],
    ),
    Planted(
        "D325",
        rows="paid",
        sql="UPDATE workflows_app_run SET retry_due_at = '2026-01-02 03:04:05Z' WHERE id = %(run)s",
        finds=[
            "shop: run {run} is to be retried at 2026-01-02 03:04:05+00, but owes no retry",
        ],
    ),
    Planted(
        "D326",
        rows="asserted",
        sql="UPDATE workflows_app_run SET idempotency_key = 'new' WHERE id = %(run2)s;"
        "UPDATE workflows_app_run SET idempotency_key = 'old' WHERE id = %(run)s",
        finds=["shop: run {run2} has key new, but run {run}, which it retries, has old"],
    ),
    Planted(
        "D326",
        rows="refused",
        sql="UPDATE workflows_app_run SET idempotency_key = 'one' WHERE id IN (%(run)s, %(run2)s)",
        finds=["shop: run {run2} has key one, but run {run}, which it retries, has one"],
    ),
    Planted(
        "D327",
        rows="asserted",
        sql="UPDATE workflows_app_run SET prepare_result = '{}' WHERE id = %(run2)s",
        finds=["shop: run {run2} has the key of run {run}, but another prepare result"],
    ),
    Planted(
        "D328",
        rows="paid",
        sql="UPDATE workflows_app_run SET idempotency_key = 'k' WHERE id IN (%(run)s, %(run2)s)",
        finds=["shop: run {run2} has the key of run {run}, of which it is no retry"],
    ),
    Planted(
        "D329",
        rows="asserted",
        sql=("UPDATE workflows_app_run SET carried_mutation_id = %(mutation)s WHERE id = %(run2)s"),
        finds=[
            "shop: run {run2} carries mutation {mutation}, which is failed; its own is mutation"
            " {mutation2}"
        ],
    ),
    Planted(
        "D329",
        rows="paid",
        sql=(
            "DELETE FROM workflows_app_evidence WHERE mutation_id = %(mutation2)s;"
            "DELETE FROM workflows_app_mutation WHERE id = %(mutation2)s;"
            "UPDATE workflows_app_run SET carried_mutation_id = %(mutation)s WHERE id = %(run2)s"
        ),
        finds=[
            "shop: run {run2} carries mutation {mutation}, which is applied; the run it retries has none"
        ],
    ),
    Planted(
        "D330",
        rows="carried",
        sql="UPDATE workflows_app_run SET carried_mutation_id = NULL WHERE id = %(run2)s",
        finds=[
            "shop: run {run} is failed, but mutation {mutation} is applied; its retry, run {run2},"
            " does not carry it"
        ],
    ),
    Planted(
        "D330",
        rows="owing",
        sql="UPDATE workflows_app_run SET owes_retry = false WHERE id = %(run)s",
        finds=[
            "shop: run {run} is failed, but mutation {mutation} is applied; it owes no retry and"
            " has none"
        ],
    ),
    Planted(
        "D331",
        rows="rejected",
        sql="UPDATE workflows_app_run SET owes_retry = false WHERE id = %(run)s",
        finds=["shop: run {run} of Pay is failed, owes no retry and has none"],
    ),
]
