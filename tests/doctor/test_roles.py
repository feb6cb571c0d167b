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
            None,
        ),
        (
            "CREATE ROLE lord; ALTER TABLE workflows_app_run OWNER TO lord;"
            " ALTER ROLE clerk NOINHERIT; GRANT lord TO clerk",
            None,
        ),
        ("ALTER TABLE workflows_app_run OWNER TO clerk", "owns the tables"),
        (
            "ALTER ROLE clerk CREATEROLE; GRANT SET ON PARAMETER session_replication_role TO clerk",
            "may make itself a member of other roles (CREATEROLE)|may set session_replication_role",
        ),
    ],
)
def test_whoever_could_switch_the_guards_off_is_told(
    granted: None, given: str, reason: str | None
) -> None:
    execute(given)

    told = reason or "is a member of 'lord', who owns the tables"
    reasons = [f"None: role clerk {one}" for one in told.split("|")]
    assert found_as_clerk() == {**NOTHING, "D111": reasons}


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
