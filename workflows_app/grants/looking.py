"""What roles may do, and whether that is too much or too little. Reads catalogs only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import connection

from workflows_app.grants.powers import beyond_tables, changes_all
from workflows_app.grants.tables import PRIVILEGES, Table, tables


def too_much(roles: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
    """Yield with which table, sequence or schema, the database or the server a role may do more than it should.

    `roles` have no more than the role that runs needs. None are all that have a grant of a table with
    guards, PUBLIC too: of those tables nobody else may do more.
    """
    found = [table for table in tables() if roles is not None or table.is_guarded]
    asked = list(roles) if roles is not None else _grantees(found)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.name, r.name, string_agg(p.name, ', ' ORDER BY p.at)
              FROM unnest(%(tables)s::text[], %(wanted)s::text[], %(owners)s::text[])
                   t (name, wanted, owner)
             CROSS JOIN unnest(%(roles)s::text[]) r (name)
             CROSS JOIN unnest(%(privileges)s::text[]) WITH ORDINALITY p (name, at)
             WHERE NOT p.name = ANY(string_to_array(t.wanted, ','))
               -- Who owns it, or is a member of who does, is another matter.
               AND CASE WHEN r.name = 'public' THEN true
                        ELSE NOT pg_has_role(r.name, t.owner, 'MEMBER') END
               -- Of who may change all tables that is told, once.
               AND CASE WHEN r.name = 'public' OR p.name NOT IN ('INSERT', 'UPDATE', 'DELETE') THEN true
                        ELSE NOT pg_has_role(r.name, 'pg_write_all_data', 'USAGE') END
               AND (has_table_privilege(r.name, t.name, p.name)
                    OR CASE WHEN p.name NOT IN ('DELETE', 'TRUNCATE', 'TRIGGER')
                            THEN has_any_column_privilege(r.name, t.name, p.name) END)
             GROUP BY t.name, r.name ORDER BY t.name, r.name
            """,
            {
                "tables": [table.name for table in found],
                "wanted": [",".join(table.wanted) for table in found],
                "owners": [table.owner for table in found],
                "roles": asked,
                "privileges": list(PRIVILEGES),
            },
        )
        for table, role, privileges in cursor.fetchall():
            yield table, f"'{role}' may {privileges}"
        cursor.execute(
            "SELECT s, r FROM unnest(%s::text[]) s JOIN pg_namespace n ON n.nspname = s, unnest(%s::text[]) r"
            " WHERE CASE WHEN r = 'public' THEN true ELSE NOT pg_has_role(r, n.nspowner, 'MEMBER') END"
            " AND has_schema_privilege(r, s, 'CREATE') ORDER BY s, r",
            [sorted({table.schema for table in found}), asked],
        )
        for schema, role in cursor.fetchall():
            yield f"schema {schema}", f"'{role}' may CREATE"
        sequences = [(name, table.owner) for table in found for name in table.sequences]
        cursor.execute(
            "SELECT s.name, r FROM unnest(%s::text[], %s::text[]) s (name, owner), unnest(%s::text[]) r"
            " WHERE CASE WHEN r = 'public' THEN true ELSE NOT pg_has_role(r, s.owner, 'MEMBER')"
            " AND NOT pg_has_role(r, 'pg_write_all_data', 'USAGE') END"
            " AND has_sequence_privilege(r, s.name, 'UPDATE') ORDER BY 1, 2",
            [[name for name, _ in sequences], [owner for _, owner in sequences], asked],
        )
        for sequence, role in cursor.fetchall():
            yield f"sequence {sequence}", f"'{role}' may UPDATE"
        if roles is not None:
            cursor.execute(
                "SELECT r FROM unnest(%s::text[]) r"
                " WHERE has_database_privilege(r, current_database(), 'CREATE')",
                [asked],
            )
            for (role,) in cursor.fetchall():
                yield "the database", f"'{role}' may CREATE"
    told = changes_all if roles is None else beyond_tables
    for role in asked:
        for what in told(role):
            yield "the server", f"'{role}' {what}"


def lacking(role: str) -> Iterator[tuple[str, str]]:
    """Yield what `role` needs to run and was not given, as where and what."""
    found = tables()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.name, string_agg(p.name, ', ' ORDER BY p.at)
              FROM unnest(%(tables)s::text[], %(wanted)s::text[]) t (name, wanted)
             CROSS JOIN unnest(%(privileges)s::text[]) WITH ORDINALITY p (name, at)
             WHERE p.name = ANY(string_to_array(t.wanted, ','))
               AND NOT has_table_privilege(%(role)s, t.name, p.name)
             GROUP BY t.name ORDER BY t.name
            """,
            {
                "tables": [table.name for table in found],
                "wanted": [",".join(table.wanted) for table in found],
                "privileges": list(PRIVILEGES),
                "role": role,
            },
        )
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT name, 'USAGE' FROM unnest(%s::text[]) name"
            " WHERE NOT has_sequence_privilege(%s, name, 'USAGE') ORDER BY name",
            [
                [name for table in found if "INSERT" in table.wanted for name in table.sequences],
                role,
            ],
        )
        rows += cursor.fetchall()
    for name, privileges in rows:
        yield name, f"'{role}' may not {privileges}"


def _grantees(found: Iterable[Table]) -> list[str]:
    """Return who was given something of these tables, or of their columns, and does not own them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT coalesce(r.rolname, 'public')
              FROM unnest(%s::text[]) t (name) JOIN pg_class c ON c.oid = t.name::regclass
             CROSS JOIN LATERAL (SELECT c.relacl UNION ALL
                                 SELECT a.attacl FROM pg_attribute a WHERE a.attrelid = c.oid) here (acl)
             CROSS JOIN aclexplode(here.acl) given LEFT JOIN pg_roles r ON r.oid = given.grantee
             WHERE given.grantee <> c.relowner
               -- A superuser is a member of every role.
               AND (given.grantee = 0 OR NOT pg_has_role(given.grantee, c.relowner, 'MEMBER'))
             ORDER BY 1
            """,
            [[table.name for table in found]],
        )
        return [name for (name,) in cursor.fetchall()]
