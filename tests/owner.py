"""Who the tests are to the database: who owns the tables, or, with `--role runs`, who only runs.

As the latter, tests see what the console and the workers may do, and step out of it for what only an owner does: to
stage a broken database, to copy rows by the million, to empty the tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from django.core.management import call_command
from django.db import connection

#: The role that runs. It belongs to the server, and stays there.
RUNS = "workflows_app_tests_run"
#: What libpq sends at the start of each session, in this process and in those that it starts.
_VARIABLE = "PGOPTIONS"
#: A lock of the tests: processes that run side by side make the role once.
_MAKING = 4712


@contextmanager
def running_as_runs() -> Iterator[None]:
    """Let all sessions of the test database that open from now on be those of the role that runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MAKING])
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [RUNS])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE ROLE {RUNS}")
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_MAKING])
    call_command("grant_role", RUNS)
    connection.close()
    os.environ[_VARIABLE] = f"-c role={RUNS}"
    try:
        yield
    finally:
        connection.close()
        del os.environ[_VARIABLE]


def startup_options() -> str:
    """Return what sessions send at their start, for one that sends more."""
    return os.environ.get(_VARIABLE, "")


def as_owner() -> AbstractContextManager[None]:
    """Be the owner in this session, whoever it is."""
    return as_role("NONE")


@contextmanager
def as_role(role: str) -> Iterator[None]:
    """Be `role` in this session, and then who one was. If it fails, ROLLBACK ends it."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW role")
        (before,) = cursor.fetchone()
        cursor.execute(f"SET ROLE {role}")
        yield
        cursor.execute(f"SET ROLE {before}")
