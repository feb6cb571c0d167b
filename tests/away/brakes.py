"""Brakes: a worker's transaction is caught in its middle, by a trigger on what only it writes.

A session that is caught waits until the test ends it or lets it go; or it goes on and commits, and the
relay swallows the answer. To the worker both look like a server that went away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection

from tests.away.databases import Database
from tests.eventually import eventually
from workflows_app.models import Workflow
from workflows_app.waking import SESSION_NAME

#: What a session is told that the relay listens for.
SWALLOW = "the answer that says it is committed is lost"


@dataclass(frozen=True)
class Point:
    """A transaction of the host, told by a row that it writes and no other does."""

    table: str
    when: str
    event: str = "UPDATE"


#: The transactions of the host.
POINTS = {
    "claim": Point("workflows_app_lease", "NEW.token > OLD.token"),
    "begin": Point("workflows_app_run", "NEW.phase = 'preparing'", "INSERT"),
    "checkpoint": Point("workflows_app_mutation", "NEW.status = 'in_flight'", "INSERT"),
    "outcome": Point("workflows_app_evidence", "NEW.kind = 'execute'", "INSERT"),
    "reconcile": Point("workflows_app_evidence", "NEW.kind = 'reconcile'", "INSERT"),
    "late": Point("workflows_app_evidence", "NEW.kind = 'late'", "INSERT"),
    "commit": Point("workflows_app_run", "NEW.status = 'committed'"),
    "failure": Point("workflows_app_run", "NEW.status = 'failed'"),
    "recovery": Point("workflows_app_run", "NEW.status = 'crashed'"),
    "release": Point("workflows_app_lease", "NEW.holder = '' AND NEW.next_due_at IS NOT NULL"),
    "rest": Point(
        "workflows_app_lease", "NEW.holder = '' AND OLD.holder <> '' AND NEW.next_due_at IS NULL"
    ),
    # The queue's own. Its job for a workflow is told by its lock.
    "finish": Point("procrastinate_jobs", "OLD.lock IS NOT NULL", "DELETE"),
    "wake": Point("procrastinate_jobs", "NEW.lock IS NOT NULL", "INSERT"),
}
_FUNCTION = f"""
CREATE TABLE brake (workflow_id bigint, point text, key bigint);
CREATE FUNCTION brake() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    written jsonb := to_jsonb(coalesce(NEW, OLD));
    owner bigint := coalesce(written ->> 'workflow_id', split_part(written ->> 'lock', ':', 2));
    caught brake;
BEGIN
    IF current_setting('application_name') <> '{SESSION_NAME}' THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    IF owner IS NULL THEN
        SELECT workflow_id INTO owner FROM workflows_app_run run
        LEFT JOIN workflows_app_mutation mutation ON mutation.run_id = run.id
        WHERE run.id = (written ->> 'run_id')::bigint
        OR mutation.id = (written ->> 'mutation_id')::bigint;
    END IF;
    DELETE FROM brake WHERE workflow_id = owner AND point = TG_ARGV[0] RETURNING * INTO caught;
    IF caught.key IS NOT NULL THEN
        -- It waits for the test, however short its patience is.
        PERFORM set_config('lock_timeout', '0', true);
        PERFORM pg_advisory_xact_lock_shared(caught.key);
    ELSIF caught.point IS NOT NULL THEN
        RAISE NOTICE '{SWALLOW}';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
"""
_TRIGGER = """
CREATE TRIGGER brake_at_{name} BEFORE {event} ON {table}
FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION brake('{name}');
"""


class Caught:
    """The sessions that wait, of all whose workflows are to wait somewhere."""

    def __init__(self, holder: psycopg.Connection[Any], slugs: dict[int, str]) -> None:
        self._holder = holder
        #: Those that are still to wait, by the key that lets them go on.
        self._slugs = slugs

    def one_by_one(self) -> Iterator[str]:
        """Yield each workflow as soon as it waits; then end its session, and let it pass from then on.

        The other workflows of its transaction come to their own points when it is done again.
        """
        while self._slugs:
            eventually(lambda: [] if self._waiting() else sorted(self._slugs.values()), [])
            pid, key = self._waiting()[0]
            yield self._slugs[key]
            self._end_sessions([pid])
            self._holder.execute("SELECT pg_advisory_unlock(%s)", [key])
            del self._slugs[key]

    def wait_for(self, slug: str) -> None:
        """Return when the workflow waits."""
        eventually(lambda: slug in [self._slugs[key] for _, key in self._waiting()], True)

    def end_sessions(self) -> None:
        """End the sessions that wait."""
        self._end_sessions([pid for pid, _ in self._waiting()])

    def _end_sessions(self, pids: list[int]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(unnest(%s::int[]), 10000)", [pids])

    def _waiting(self) -> list[tuple[int, int]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid, objid::int FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " AND objid = ANY(%s) AND NOT granted",
                [list(self._slugs)],
            )
            return list(cursor.fetchall())


class Brakes:
    """The brakes of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = 0
        with connection.cursor() as cursor:
            cursor.execute(_FUNCTION)
            for name, point in POINTS.items():
                cursor.execute(_TRIGGER.format(name=name, **vars(point)))

    @contextmanager
    def holding(self, points: dict[str, str]) -> Iterator[Caught]:
        """Let each workflow wait at its point, as often as it comes there, until the block ends."""
        slugs = {self._set(slug, point): slug for slug, point in points.items()}
        with psycopg.connect(self._database.url, autocommit=True) as holder:
            holder.execute("SELECT pg_advisory_lock(unnest(%s::bigint[]))", [list(slugs)])
            yield Caught(holder, slugs)

    def swallow(self, points: dict[str, str]) -> None:
        """Have the answer that each workflow's point is committed swallowed, once."""
        for slug, point in points.items():
            self._set(slug, point, swallows=True)

    def left(self) -> list[tuple[str, str]]:
        """Return the workflows, with their points, that have not yet come past these."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT slug, point FROM brake JOIN workflows_app_workflow ON id = workflow_id"
                " ORDER BY slug"
            )
            return list(cursor.fetchall())

    def _set(self, slug: str, point: str, *, swallows: bool = False) -> int:
        self._keys += 1
        key = None if swallows else self._keys
        pk = Workflow.objects.get(slug=slug).pk
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO brake VALUES (%s, %s, %s)", [pk, point, key])
        return self._keys
