"""Gates: a test holds a transaction at its commit, where it has all its locks.

A deferred trigger on every table of the host, and on the queue's, lets a transaction that wrote
something pass the gate of its session: an advisory lock by the session's name, which the test takes
to close it. So a transaction is held when it has done all that it does, and no code knows of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import connection

from tests.eventually import eventually
from tests.sessions import NAME, blockers

_PASS = f"pg_advisory_xact_lock_shared(hashtext(coalesce(current_setting('{NAME}', true), '')))"
#: Whoever should wait, or stand somewhere, does so by then.
WITHIN_SECONDS = 10.0


def build(*tables: str) -> None:
    """Put gates into the test's database: on these tables, or on all."""
    remove()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pass_the_gate() RETURNS trigger LANGUAGE plpgsql"
            # A worker has less patience with those who write its rows.
            " SET lock_timeout = 0 AS"
            f" $$ BEGIN PERFORM {_PASS}; RETURN NULL; END $$"
        )
        for table in tables or _tables():
            cursor.execute(
                f"CREATE CONSTRAINT TRIGGER gate AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pass_the_gate()"
            )


def remove() -> None:
    """Take them away."""
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS pass_the_gate() CASCADE")


def _tables() -> list[str]:
    models = apps.get_app_config("workflows_app").get_models()
    return [*(model._meta.db_table for model in models), "procrastinate_jobs"]


def pass_the_gate() -> None:
    """Pass the gate of this session now, as a transaction does that writes something."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_PASS}")


@contextmanager
def closed(session: str) -> Iterator[None]:
    """Let no transaction of `session` commit during the block."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [session])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [session])


def wait_until_held(session: str) -> None:
    """Return when `session` stands at its gate, which the test has closed."""
    wait_until_blocked(session, by="")


def wait_until_blocked(session: str, *, by: str) -> None:
    """Return when `session` waits for a lock that the session `by` has."""
    eventually(lambda: blockers(session), [by], within_seconds=WITHIN_SECONDS, every_seconds=0.002)
