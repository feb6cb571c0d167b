"""What the doctor finds in what a test has left behind: each invariant of the design, over all rows."""

from __future__ import annotations

from workflows_app.doctor import CHECKS, Severity, examine, roles, schema

#: PostgreSQL itself keeps what the others look at, and no test changes it in passing. They take the longest.
OF_ROWS = [check for check in CHECKS if check not in (*schema.CHECKS, *roles.CHECKS)]


def violations() -> list[str]:
    """Return what the doctor finds in the rows that must never be there."""
    return [
        f"{finding.check.id} {finding.found.subject} {finding.found.id}: {finding.found.detail}"
        for finding in examine(OF_ROWS)
        if finding.check.severity is Severity.VIOLATION
    ]
