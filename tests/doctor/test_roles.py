"""Roles that could rewrite what was decided, or that lack what they need, are found; those that fit are not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection

from tests.doctor.planting import found_by
from tests.owner import RUNS, as_owner, as_role

pytestmark = pytest.mark.django_db

NOTHING: dict[str, list[str]] = {"D111": [], "D112": [], "D113": []}


@pytest.fixture
def owner(db: None) -> Iterator[None]:
    with as_owner():
        yield


@pytest.fixture
def granted(owner: None) -> None:
    """`clerk` was granted what the console and the workers need."""
    execute("CREATE ROLE clerk")
    call_command("grant_role", "clerk")


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def found() -> dict[str, list[str]]:
    return {"D111": found_by("D111"), "D112": found_by("D112"), "D113": found_by("D113")}


def found_as_clerk() -> dict[str, list[str]]:
    with as_role("clerk"):
        told = found()
    return {check: [line for line in lines if RUNS not in line] for check, lines in told.items()}


def test_a_role_that_was_granted_what_it_needs_is_quiet_and_so_is_one_that_reads(
    granted: None,
) -> None:
    execute("CREATE ROLE reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")

    assert found_as_clerk() == NOTHING


def test_a_superuser_is_told_to_run_as_another_role(owner: None) -> None:
    execute("CREATE ROLE boss SUPERUSER; GRANT DELETE ON workflows_app_run TO boss")

    with as_role("boss"):
        assert found() == {**NOTHING, "D111": ["None: role boss is a superuser"]}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            "CREATE ROLE lord; ALTER TABLE workflows_app_run OWNER TO lord; GRANT lord TO clerk",
            "is a member of 'lord', who owns the tables",
        ),
        (
            "CREATE ROLE lord; ALTER TABLE workflows_app_run OWNER TO lord;"
            " ALTER ROLE clerk NOINHERIT; GRANT lord TO clerk",
            "is a member of 'lord', who owns the tables",
        ),
        ("ALTER TABLE workflows_app_run OWNER TO clerk", "owns the tables"),
        (
            "ALTER ROLE clerk CREATEROLE; GRANT SET ON PARAMETER session_replication_role TO clerk",
            "may make itself a member of other roles (CREATEROLE)|may set session_replication_role",
        ),
        (
            "GRANT SET ON PARAMETER session_replication_role TO PUBLIC; GRANT pg_monitor TO clerk",
            "may set session_replication_role",
        ),
        # What is not inherited is had by SET ROLE.
        (
            "CREATE ROLE lord CREATEROLE; CREATE ROLE king SUPERUSER; CREATE ROLE duke;"
            " GRANT king TO duke; GRANT lord, duke TO clerk",
            "is a member of 'king', who is a superuser"
            "|is a member of 'lord', who may make itself a member of other roles (CREATEROLE)",
        ),
        ("ALTER SCHEMA public OWNER TO clerk", "owns their schema, and may drop it"),
        ("ALTER DATABASE {database} OWNER TO clerk", "owns the database, and may drop it"),
        (
            "CREATE ROLE lord; GRANT pg_execute_server_program TO lord; ALTER ROLE clerk NOINHERIT;"
            " GRANT lord, pg_write_server_files TO clerk",
            "is a member of 'pg_execute_server_program', who may run programs on the server"
            "|is a member of 'pg_write_server_files', who may write files of the server",
        ),
    ],
)
def test_whoever_could_switch_the_guards_off_is_told(
    granted: None, given: str, reason: str
) -> None:
    execute(given.format(database=connection.settings_dict["NAME"]))

    reasons = [f"None: role clerk {one}" for one in reason.split("|")]
    assert found_as_clerk() == {**NOTHING, "D111": reasons}


def test_what_a_role_may_do_besides_its_grants_is_told_and_what_only_watches_is_not(
    granted: None,
) -> None:
    execute("CREATE ROLE lord CREATEDB; GRANT pg_write_all_data TO lord")
    execute("GRANT lord, pg_read_server_files, pg_read_all_data, pg_signal_backend TO clerk")
    execute("ALTER ROLE clerk NOINHERIT REPLICATION BYPASSRLS; GRANT pg_monitor TO clerk")

    told = [
        "is a member of 'lord', who may make databases (CREATEDB)",
        "is a member of 'pg_read_all_data', who may read the tables of everybody",
        "is a member of 'pg_read_server_files', who may read files of the server",
        "is a member of 'pg_signal_backend', who may end the sessions of others",
        "is a member of 'pg_write_all_data', who may change the tables of everybody",
        "may copy all databases of the server (REPLICATION)",
        "passes row security by (BYPASSRLS)",
    ]
    lines = [f"None: grant the server 'clerk' {one}" for one in told]
    assert found_as_clerk() == {**NOTHING, "D112": lines}
    # Once, and not for each table; and as the owner, too.
    execute("ALTER ROLE clerk INHERIT")
    assert found_as_clerk() == {**NOTHING, "D112": lines}
    assert [line for line in found_by("D112") if RUNS not in line] == [lines[4]]


@pytest.mark.parametrize(
    ("given", "where", "what"),
    [
        ("UPDATE ON workflows_app_evidence TO clerk", "evidence", "'clerk' may UPDATE"),
        ("DELETE ON workflows_app_run TO clerk", "run", "'clerk' may DELETE"),
        ("TRIGGER ON workflows_app_topic TO clerk", "topic", "'clerk' may TRIGGER"),
        (
            "UPDATE (reason), TRUNCATE ON workflows_app_operatoraction TO clerk",
            "operatoraction",
            "'clerk' may UPDATE, TRUNCATE",
        ),
        (
            "UPDATE ON workflows_app_input TO PUBLIC",
            "input",
            "'clerk' may UPDATE|'public' may UPDATE",
        ),
        ("DELETE ON workflows_app_historicalrun TO tidy", "historicalrun", "'tidy' may DELETE"),
        ("UPDATE (kind) ON workflows_app_evidence TO tidy", "evidence", "'tidy' may UPDATE"),
    ],
)
def test_a_grant_too_many_is_found_whoever_has_it(
    granted: None, given: str, where: str, what: str
) -> None:
    execute("CREATE ROLE tidy")
    execute(f"GRANT {given}")

    told = [f"None: grant public.workflows_app_{where} {one}" for one in what.split("|")]
    assert found_as_clerk() == {**NOTHING, "D112": told}
    # As the owner, who looks at tables with guards; and at who these tests are, with `--role runs`.
    seen = [line for line in found_by("D112") if RUNS not in line]
    assert seen == [line for line in told if "topic" not in line]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("CREATE ON SCHEMA public", "schema public 'clerk' may CREATE"),
        ("CREATE ON DATABASE {database}", "the database 'clerk' may CREATE"),
        (
            "ALL ON SEQUENCE workflows_app_evidence_id_seq",
            "sequence workflows_app_evidence_id_seq 'clerk' may UPDATE",
        ),
    ],
)
def test_a_role_that_could_replace_a_table_or_set_numbers_back_is_found(
    granted: None, given: str, told: str
) -> None:
    database = connection.settings_dict["NAME"]
    execute(f"GRANT {given.format(database=database)} TO clerk")

    assert found_as_clerk() == {**NOTHING, "D112": [f"None: grant {told}"]}
    call_command("grant_role", "clerk")
    assert found_as_clerk() == NOTHING


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        (
            "INSERT, UPDATE ON workflows_app_run FROM clerk",
            "public.workflows_app_run 'clerk' may not INSERT, UPDATE",
        ),
        (
            "SELECT ON procrastinate_jobs FROM clerk",
            "public.procrastinate_jobs 'clerk' may not SELECT",
        ),
        (
            "ALL ON SEQUENCE procrastinate_jobs_id_seq FROM clerk",
            "procrastinate_jobs_id_seq 'clerk' may not USAGE",
        ),
        (
            "ALL ON SEQUENCE workflows_app_evidence_id_seq FROM clerk",
            "workflows_app_evidence_id_seq 'clerk' may not USAGE",
        ),
        (
            "SELECT ON django_migrations FROM clerk",
            "public.django_migrations 'clerk' may not SELECT",
        ),
    ],
)
def test_a_grant_that_is_missing_is_found(granted: None, taken: str, told: str) -> None:
    execute(f"REVOKE {taken}")

    assert found_as_clerk() == {**NOTHING, "D113": [f"None: grant {told}"]}
    assert found_by("D113") == []  # the owner lacks nothing
