"""Roles of the database: could who runs this switch the guards off, or do more than it needs (P2, P4)?"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from workflows_app import grants
from workflows_app.doctor.check import Check, Found, Scope, Severity

_GRANT = (
    "Run `manage.py grant_role NAME` as the owner of the tables (MIGRATION_DATABASE_URL), as after every"
    " migrate."
)


def _current_role() -> tuple[str, list[str]]:
    """Return who this session is, and by what it could switch the guards off."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role: str = cursor.fetchone()[0]
    return role, grants.power_over_guards(role) or []


def _runs_as_owner(scope: Scope) -> Iterator[Found]:
    role, reasons = _current_role()
    for reason in reasons:
        yield Found(None, "role", role, reason)


def _too_much(scope: Scope) -> Iterator[Found]:
    found = dict.fromkeys(grants.too_much())
    role, reasons = _current_role()
    if not reasons:
        found |= dict.fromkeys(grants.too_much([role]))
    for where, what in sorted(found):
        yield Found(None, "grant", where, what)


def _lacking(scope: Scope) -> Iterator[Found]:
    role, reasons = _current_role()
    if reasons:
        return
    for where, what in grants.lacking(role):
        yield Found(None, "grant", where, what)


CHECKS = [
    Check(
        id="D111",
        title="This runs as a role that could switch the guards off",
        meaning="A fault in the code, or a stranger in it, could rewrite history and decisions.",
        remedy=(
            "Let DATABASES name a role that owns nothing and is a member of none that does, and the owner for `migrate` alone (in this repository's"
            " project: DATABASE_URL, MIGRATION_DATABASE_URL); then run `manage.py grant_role NAME`."
            " docs/install.md and docs/security.md tell how."
        ),
        severity=Severity.WARNING,
        find=_runs_as_owner,
    ),
    Check(
        id="D112",
        title="A role may do more than it needs",
        meaning=(
            "What was decided and done could be changed or deleted, a guard be replaced, or the server be read or"
            " disturbed."
        ),
        remedy=(
            f"{_GRANT} What another role or PUBLIC was granted, revoke by hand, as what is said of the server:"
            " REVOKE pg_read_all_data FROM NAME; ALTER ROLE NAME NOCREATEDB."
        ),
        find=_too_much,
    ),
    Check(
        id="D113",
        title="The role that runs this lacks a privilege that it needs",
        meaning="Pages, workers or commands fail there. New tables come with none.",
        remedy=_GRANT,
        find=_lacking,
    ),
]
