"""Brakes: a worker's transaction is caught in its middle, by a trigger on what only it writes.

A session that is caught waits until the test ends it or lets it go; or it goes on and commits, and the
relay swallows the answer. To the worker both look like a server that went away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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


class Brake:
    """Where sessions wait."""

    def __init__(self, key: int) -> None:
        self._key = key

    def wait_for(self, number: int) -> None:
        """Return when so many sessions wait."""
        eventually(lambda: len(self._waiting()), number)

    def end_sessions(self) -> None:
        """End the sessions that wait."""
        with connection.cursor() as cursor:
            ended = "SELECT pg_terminate_backend(unnest(%s::int[]), 10000)"
            cursor.execute(ended, [self._waiting()])

    def _waiting(self) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_locks"
                " WHERE locktype = 'advisory' AND objid = %s AND NOT granted",
                [self._key],
            )
            return [pid for (pid,) in cursor.fetchall()]


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
    def holding(self, points: dict[str, str]) -> Iterator[Brake]:
        """Let each workflow wait at its point, as often as it comes there, until the block ends."""
        self._keys += 1
        key = self._keys
        self._set(points, key)
        with psycopg.connect(self._database.url) as holder:
            holder.execute("SELECT pg_advisory_lock(%s)", [key])
            yield Brake(key)

    def swallow(self, points: dict[str, str]) -> None:
        """Have the answer that each workflow's point is committed swallowed, once."""
        self._set(points, None)

    def _set(self, points: dict[str, str], key: int | None) -> None:
        with connection.cursor() as cursor:
            for slug, point in points.items():
                pk = Workflow.objects.get(slug=slug).pk
                cursor.execute("INSERT INTO brake VALUES (%s, %s, %s)", [pk, point, key])
