"""A database without this version's tables: one line that says what to do, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection

from workflows_app.demo.database import environment_for, fresh


@pytest.fixture
def unmigrated(db: None) -> Iterator[str]:
    name = f"{connection.settings_dict['NAME']}_unmigrated"
    with fresh(name):
        yield name


@pytest.mark.parametrize(
    "arguments",
    [
        ["run_worker"],
        ["run_worker", "--until-idle"],
        ["sync_workflows", "--actor", "olga", "--reason", "a first deployment"],
        ["doctor"],
        ["list_blocked"],
    ],
    ids=" ".join,
)
def test_a_command_says_that_migrations_are_missing(arguments: list[str], unmigrated: str) -> None:
    ended = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment_for(unmigrated), "DEBUG": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1] == (
        "CommandError: The database is not migrated to this version: run `manage.py migrate`."
    )
