"""Giving a role what it needs to run, and no more."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from workflows_app.errors import RoleRefused
from workflows_app.grants.looking import lacking, too_much
from workflows_app.grants.powers import power_over_guards
from workflows_app.grants.tables import PRIVILEGES, Table, tables

#: What PostgreSQL takes for something else than a role's name, and how long a name may be.
_NO_ROLES = ("", "none", "public")
_NAME_BYTES = 63


def statements(role: str) -> list[str]:
    """Return the SQL that gives `role` what it needs, and takes away all else that it was given itself.

    Raises RoleRefused if there is no such role, or if no grants could hold it.
    """
    found = tables()
    _require_fit(role, found)
    name = _quoted(role)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        database = _quoted(cursor.fetchone()[0])
    said = [
        f"REVOKE CREATE ON DATABASE {database} FROM {name}",
        f"GRANT CONNECT ON DATABASE {database} TO {name}",
    ]
    for schema in sorted({_quoted(table.schema) for table in found}):
        said.append(f"REVOKE CREATE ON SCHEMA {schema} FROM {name}")
        said.append(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
    for table in found:
        privileges = ", ".join(one for one in PRIVILEGES if one in table.wanted)
        said.append(f"REVOKE ALL ON TABLE {table.name} FROM {name}")
        said.append(f"GRANT {privileges} ON TABLE {table.name} TO {name}")
        for sequence in table.sequences:
            # By UPDATE it could be set back: then nothing new can be written down.
            said.append(f"REVOKE ALL ON SEQUENCE {sequence} FROM {name}")
            if "INSERT" in table.wanted:
                said.append(f"GRANT USAGE, SELECT ON SEQUENCE {sequence} TO {name}")
    return said


def grant(role: str) -> list[str]:
    """Give `role` what `statements` says, in one transaction, and return what is still not as it should be.

    That comes from elsewhere: what PUBLIC may do, or a role that `role` is a member of.
    """
    with connection.cursor() as cursor:
        for statement in statements(role):
            cursor.execute(statement)
    return [f"{where}: {what}" for where, what in (*too_much([role]), *lacking(role))]


def _quoted(name: str) -> str:
    """Return `name` as an identifier. Django's own leaves alone what begins and ends with a quote."""
    return '"' + name.replace('"', '""') + '"'


def _require_fit(role: str, found: Iterable[Table]) -> None:
    if role.lower() in _NO_ROLES or role.startswith("pg_"):
        raise RoleRefused(f"'{role}' is a name of PostgreSQL's own. Name a role that only runs.")
    if len(role.encode()) > _NAME_BYTES:
        raise RoleRefused(
            f"'{role}' is no name of a role: it has more than {_NAME_BYTES} bytes, and PostgreSQL would cut it."
        )
    reasons = power_over_guards(role)
    if reasons is None:
        raise RoleRefused(
            f"There is no role '{role}'. Make it first, as who administers the server:"
            f" CREATE ROLE {_quoted(role)} LOGIN PASSWORD '...'."
        )
    if reasons:
        raise RoleRefused(
            f"No grants hold role '{role}': it {reasons[0]}. Name a role that only runs."
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, name FROM unnest(%s::text[]) name"
            " WHERE NOT pg_has_role(name, 'MEMBER') LIMIT 1",
            [sorted({table.owner for table in found})],
        )
        for here, owner in cursor.fetchall():
            raise RoleRefused(
                f"Only '{owner}', who owns the tables, can grant this, and you are '{here}': set"
                f" MIGRATION_DATABASE_URL, or connect as '{owner}'."
            )
