"""All checks, in the order in which they run: what others rely on comes first."""

from __future__ import annotations

from workflows_app.doctor import (
    alerts,
    decisions,
    events,
    evidence,
    history,
    lanes,
    ledger,
    lineage,
    retries,
    roles,
    runs,
    schema,
    secrets,
    versions,
    wake_ups,
    workers,
)

CHECKS = (
    *roles.CHECKS,
    *schema.CHECKS,
    *events.CHECKS,
    *runs.CHECKS,
    *retries.CHECKS,
    *lanes.CHECKS,
    *ledger.CHECKS,
    *evidence.CHECKS,
    *secrets.CHECKS,
    *history.CHECKS,
    *decisions.CHECKS,
    *lineage.CHECKS,
    *wake_ups.CHECKS,
    *workers.CHECKS,
    *versions.CHECKS,
    *alerts.CHECKS,
)
