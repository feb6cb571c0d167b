"""What a role may do besides its grants: by attributes, by what it owns, and by the roles that it is a member of.

Attributes are not inherited, but a member may SET ROLE: so each role that it could be is looked at, at any distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from workflows_app.grants.tables import tables

_SUPERUSER = "is a superuser"
#: Columns of `_could_be`, and how they are told.
_ABOVE_GUARDS = {
    "owns_tables": "owns the tables",
    "owns_schema": "owns their schema, and may drop it",
    "owns_database": "owns the database, and may drop it",
    "makes_roles": "may make itself a member of other roles (CREATEROLE)",
    "skips_triggers": "may set session_replication_role",
    "runs_programs": "may run programs on the server",
    "writes_files": "may write files of the server",
}
_BEYOND_TABLES = {
    "replicates": "may copy all databases of the server (REPLICATION)",
    "skips_row_security": "passes row security by (BYPASSRLS)",
    "makes_databases": "may make databases (CREATEDB)",
    "reads_files": "may read files of the server",
    "reads_all": "may read the tables of everybody",
    "writes_all": "may change the tables of everybody",
    "ends_sessions": "may end the sessions of others",
}


def power_over_guards(role: str) -> list[str] | None:
    """Return by what `role` could switch the guards off, as "owns ..."; None if there is no such role."""
    found = _could_be(role)
    if not found:
        return None
    if found[0]["is_superuser"]:
        return [_SUPERUSER]
    bosses = [_told(role, one, _SUPERUSER) for one in found if one["is_superuser"]]
    # A superuser has all the rest, too.
    return bosses + _reasons(role, [one for one in found if not one["is_superuser"]], _ABOVE_GUARDS)


def beyond_tables(role: str) -> list[str]:
    """Return what `role` may do to the server that nothing here needs."""
    return _reasons(role, _could_be(role), _BEYOND_TABLES)


def changes_all(role: str) -> list[str]:
    """Return by what `role` may change every table, whatever it was granted."""
    return _reasons(role, _could_be(role), {"writes_all": _BEYOND_TABLES["writes_all"]})


def _reasons(role: str, found: Iterable[Mapping[str, Any]], words: Mapping[str, str]) -> list[str]:
    return [_told(role, one, said) for what, said in words.items() for one in found if one[what]]


def _told(role: str, found: Mapping[str, Any], said: str) -> str:
    return said if found["name"] == role else f"is a member of '{found['name']}', who {said}"


def _could_be(role: str) -> list[dict[str, Any]]:
    """Return `role`, and then each role that it is a member of, with what these may do themselves."""
    here = tables()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.rolname AS name, r.rolsuper AS is_superuser,
                   r.rolname = ANY(%(owners)s) AS owns_tables,
                   EXISTS (SELECT FROM pg_namespace n
                            WHERE n.nspname = ANY(%(schemas)s) AND n.nspowner = r.oid
                              -- Whoever owns the database, who is told.
                              AND r.rolname <> 'pg_database_owner') AS owns_schema,
                   EXISTS (SELECT FROM pg_database d
                            WHERE d.datname = current_database() AND d.datdba = r.oid) AS owns_database,
                   r.rolcreaterole AS makes_roles,
                   EXISTS (SELECT FROM pg_parameter_acl p CROSS JOIN aclexplode(p.paracl) given
                            WHERE p.parname = 'session_replication_role' AND given.privilege_type = 'SET'
                              AND (given.grantee = r.oid OR given.grantee = 0 AND r.oid = self.oid)
                          ) AS skips_triggers,
                   r.rolname = 'pg_execute_server_program' AS runs_programs,
                   r.rolname = 'pg_write_server_files' AS writes_files,
                   r.rolreplication AS replicates,
                   r.rolbypassrls AS skips_row_security,
                   r.rolcreatedb AS makes_databases,
                   r.rolname = 'pg_read_server_files' AS reads_files,
                   r.rolname = 'pg_read_all_data' AS reads_all,
                   r.rolname = 'pg_write_all_data' AS writes_all,
                   r.rolname = 'pg_signal_backend' AS ends_sessions
              FROM pg_roles r JOIN pg_roles self ON self.rolname = %(role)s
             WHERE pg_has_role(self.oid, r.oid, 'MEMBER') AND (NOT self.rolsuper OR r.oid = self.oid)
             ORDER BY r.oid <> self.oid, r.rolname
            """,
            {
                "role": role,
                "owners": sorted({table.owner for table in here}),
                "schemas": sorted({table.schema for table in here}),
            },
        )
        columns = [column.name for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
