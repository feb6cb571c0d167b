"""Outside effects that were sent twice, or settled by nobody, are found (P1, P3)."""

from __future__ import annotations

from tests.doctor.planting import Planted

CASES = [
    Planted(
        "D401",
        rows="paid",
        sql=(
            "UPDATE workflows_app_mutation SET idempotency_key = 'k'"
            " WHERE id IN (%(mutation)s, %(mutation2)s)"
        ),
        finds=[
            "shop: mutation {mutation2} was applied under key k, as mutation {mutation} was",
        ],
    ),
    Planted(
        "D402",
        rows="asserted",
        sql="UPDATE workflows_app_mutation SET resolved_by = 'response' WHERE id = %(mutation)s",
        finds=[
            "shop: mutation {mutation2} was sent under the key of mutation {mutation}, which is failed"
        ],
    ),
    Planted(
        "D403",
        rows="refused",
        sql="UPDATE workflows_app_mutation SET status = 'skipped' WHERE id = %(mutation)s",
        finds=[
            "shop: event {event} led to mutations {mutation}, {mutation2}, all of which may have"
            " happened"
        ],
    ),
    Planted(
        "D404",
        rows="paid",
        sql="UPDATE workflows_app_mutation SET idempotency_key = '' WHERE id = %(mutation)s;"
        "UPDATE workflows_app_run SET idempotency_key = 'k' WHERE id = %(run)s",
        finds=["shop: mutation {mutation} has key none, its run {run} has k"],
    ),
    Planted(
        "D405",
        rows="paid",
        sql="UPDATE workflows_app_mutation SET resolved_at = NULL WHERE id = %(mutation)s",
        finds=["shop: mutation {mutation} is applied, and was settled at no known time"],
    ),
    Planted(
        "D405",
        rows="blocked",
        sql="UPDATE workflows_app_mutation SET resolved_at = '2026-01-02 03:04:05Z'",
        finds=[
            "shop: mutation {mutation} is indeterminate, and was settled at 2026-01-02 03:04:05+00"
        ],
    ),
    Planted(
        "D406",
        rows="skipped",
        sql="UPDATE workflows_app_mutation SET resolved_by = 'reconcile' WHERE id = %(mutation)s",
        finds=["shop: mutation {mutation} is skipped, by reconcile"],
    ),
    Planted(
        "D407",
        rows="skipped",
        sql="DELETE FROM workflows_app_operatoraction",
        finds=["shop: mutation {mutation} is skipped by a person, without a decision on run {run}"],
    ),
    Planted(
        "D407",
        rows="asserted",
        sql="UPDATE workflows_app_operatoraction SET operation = 'skip_run'",
        finds=["shop: mutation {mutation} is failed by a person, without a decision on run {run}"],
    ),
    Planted(
        "D407",
        rows="asserted_happened",
        sql="UPDATE workflows_app_operatoraction SET operation = 'it_didnt_happen'",
        finds=["shop: mutation {mutation} is applied by a person, without a decision on run {run}"],
    ),
]
