"""A database without this version's tables: one line that says what to do, and no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.commands.console import run
from tests.commands.processes import forked
from workflows_app.demo.database import fresh

SAID = "CommandError: The database is not migrated to this version: run `manage.py migrate`."


@pytest.fixture
def unmigrated(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The database of the block is one with nothing in it."""
    before = connection.settings_dict["NAME"]
    with django_db_blocker.unblock(), fresh(f"{before}_unmigrated"):
        connection.close()
        connection.settings_dict["NAME"] = f"{before}_unmigrated"
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before


@pytest.mark.parametrize(
    "arguments",
    [
        ["sync_workflows", "--actor", "olga", "--reason", "a first deployment"],
        ["doctor"],
        ["list_blocked"],
    ],
    ids=" ".join,
)
def test_a_command_says_that_migrations_are_missing(arguments: list[str], unmigrated: None) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.err.splitlines()[-1]) == (1, SAID)


def test_a_command_says_so_too_where_a_column_is_missing(unmigrated: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE workflows_app_workflow (id bigint)")
    ran = run("list_blocked", "--workflow", "pay")
    assert (ran.code, ran.err.splitlines()[-1]) == (1, SAID)


@pytest.mark.parametrize("option", [[], ["--until-idle"]], ids=["waiting", "until idle"])
def test_a_worker_says_it_too(unmigrated: None, option: list[str]) -> None:
    with forked("run_worker", *option) as process:
        code, _, said = process.ended()
    assert (code, said.splitlines()[-1]) == (1, SAID)
    assert "Traceback" not in said
