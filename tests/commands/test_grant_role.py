"""`manage.py grant_role`: whoever runs the console and the workers may do what they do, and no more (P4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from tests.models.rows import execute
from tests.models.test_triggers import APPEND_ONLY, KEPT, WITH_HISTORY
from tests.owner import as_owner, as_role
from tests.scenes import Scene
from workflows_app.grants.tables import tables
from workflows_app.operations import it_didnt_happen

pytestmark = pytest.mark.django_db

APPENDED = [model._meta.db_table for model in APPEND_ONLY] + [
    model.history.model._meta.db_table  # type: ignore[attr-defined]  # all of these have it
    for model in WITH_HISTORY
]
PRIVILEGES = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]


@pytest.fixture(autouse=True)
def clerk(db: None) -> Iterator[None]:
    with as_owner():
        execute("CREATE ROLE clerk", [])
        yield


def grant_role(role: str = "clerk", **options: Any) -> str:
    out = StringIO()
    call_command("grant_role", role, stdout=out, **options)
    return out.getvalue()


def privileges(table: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p FROM unnest(%s::text[]) p WHERE has_table_privilege('clerk', %s, p)",
            [PRIVILEGES, table],
        )
        return {name for (name,) in cursor.fetchall()}


def test_of_what_is_kept_a_role_gets_less_than_rows_and_of_no_table_more() -> None:
    assert grant_role() == "Role 'clerk' may run the console, the workers and the commands.\n"

    kept = [model._meta.db_table for model in KEPT]
    rows = {"SELECT", "INSERT", "UPDATE", "DELETE"}
    others = [
        table
        for table in connection.introspection.table_names()
        if table not in (*APPENDED, *kept, "django_migrations")
    ]
    assert [privileges(table) for table in APPENDED] == [{"SELECT", "INSERT"}] * len(APPENDED)
    assert [privileges(table) for table in kept] == [rows - {"DELETE"}] * len(kept)
    assert [privileges(table) for table in others] == [rows] * len(others)
    assert privileges("django_migrations") == {"SELECT"}


def test_it_takes_away_what_is_too_much_and_may_be_run_again() -> None:
    execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk", [])
    execute("GRANT UPDATE (reason) ON workflows_app_operatoraction TO clerk", [])
    execute("GRANT CREATE ON SCHEMA public TO clerk", [])

    told = grant_role()

    assert privileges("workflows_app_operatoraction") == {"SELECT", "INSERT"}
    with as_role("clerk"), pytest.raises(ProgrammingError, match="denied"), transaction.atomic():
        execute("UPDATE workflows_app_operatoraction SET reason = 'Another'", [])
    assert grant_role() == told


def test_a_dry_run_writes_the_sql_and_changes_nothing() -> None:
    told = grant_role(dry_run=True)

    assert privileges("workflows_app_run") == set()
    assert told.splitlines()[:4] == [
        f'REVOKE CREATE ON DATABASE "{connection.settings_dict["NAME"]}" FROM "clerk";',
        f'GRANT CONNECT ON DATABASE "{connection.settings_dict["NAME"]}" TO "clerk";',
        'REVOKE CREATE ON SCHEMA "public" FROM "clerk";',
        'GRANT USAGE ON SCHEMA "public" TO "clerk";',
    ]
    for statement in told.splitlines():
        execute(statement, [])
    assert privileges("workflows_app_run") == {"SELECT", "INSERT", "UPDATE"}
    assert grant_role(dry_run=True) == told


@pytest.mark.parametrize(
    "role",
    ["Two Words", '"', '"quoted"', '"clerk" SUPERUSER "', "o'hara", "50%s", "$$;\n--"],
)
def test_a_role_may_have_any_name(role: str) -> None:
    quoted = '"' + role.replace('"', '""') + '"'
    execute(f"CREATE ROLE {quoted}".replace("%", "%%"), [])

    assert grant_role(role) == f"Role '{role}' may run the console, the workers and the commands.\n"
    assert f"TO {quoted};" in grant_role(role, dry_run=True)


def test_only_the_owner_grants() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (owner,) = cursor.fetchone()

    with as_role("clerk"):
        with pytest.raises(CommandError) as refused:
            grant_role()
        assert str(refused.value) == (
            f"Only '{owner}', who owns the tables, can grant this, and you are 'clerk': set"
            f" MIGRATION_DATABASE_URL, or connect as '{owner}'."
        )


def test_what_who_grants_may_not_give_is_told() -> None:
    """A member of the owner who does not inherit may give only what it was given to give."""
    execute("CREATE ROLE lord NOINHERIT; CREATE ROLE other; GRANT other TO lord", [])
    for table in tables():
        execute(f"ALTER TABLE {table.name} OWNER TO lord", [])
    execute("ALTER TABLE workflows_app_input OWNER TO other", [])
    execute("GRANT SELECT ON workflows_app_input TO lord WITH GRANT OPTION", [])
    given = "USAGE, SELECT ON SEQUENCE workflows_app_input_id_seq"
    execute(f"GRANT {given} TO lord WITH GRANT OPTION", [])

    with as_role("lord"), pytest.raises(CommandError) as refused:
        grant_role()

    assert str(refused.value).splitlines()[1:] == [
        "  - public.workflows_app_input: 'clerk' may not INSERT"
    ]


def test_the_role_runs_what_there_is_to_do(scene: Callable[..., Scene], operator_user: Any) -> None:
    """All that an engine and a person do; the whole suite does it with `make test ROLE=runs`."""
    at = scene("lost", "applied")
    grant_role()

    with as_role("clerk"):
        run = at.happens(payload={"amount": "12.50"})
        it_didnt_happen(run, actor=operator_user, reason="It is not in their books")
        at.run_host()

        run.refresh_from_db()
        assert (run.status, run.retry.status) == ("failed", "committed")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM workflows_app_run",
        "UPDATE workflows_app_evidence SET detail = ''",
        "TRUNCATE workflows_app_operatoraction",
        "ALTER TABLE workflows_app_run DISABLE TRIGGER USER",
        "SET session_replication_role = replica",
        "CREATE TABLE public.workflows_app_another ()",
    ],
)
def test_the_role_is_refused_what_would_undo(sql: str) -> None:
    grant_role()

    with as_role("clerk"), pytest.raises(ProgrammingError), transaction.atomic():
        execute(sql, [])
