"""The floor: what psycopg takes to write the same rows and history, a statement a row."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from tests.benchmarks.contenders.base import Contender
from tests.benchmarks.database import Server
from tests.benchmarks.loads import Load
from tests.benchmarks.programs import Program, python
from tests.benchmarks.workers import floor_tables


class Floor(Contender):
    key = "floor"
    name = "the floor: psycopg, a statement a row"
    gate = "floor_event"
    left = "SELECT count(*) FROM floor_event WHERE status <> 'consumed'"

    def fill(self, server: Server, database: str, load: Load, first: int = 0) -> None:
        payload = Jsonb(load.payload)
        rows = [(n % load.workflows, name, payload) for n, name in enumerate(load.names(first))]
        with server.connect(database) as db, db.cursor() as cursor:
            cursor.execute(floor_tables.SCHEMA)
            cursor.executemany(
                "INSERT INTO floor_event (workflow, message_id, payload, status)"
                " VALUES (%s, %s, %s, 'pending')",
                rows,
            )

    def worker(self, server: Server, database: str) -> Program:
        return Program(python("-m", "tests.benchmarks.workers.floor", server.url(database)))
