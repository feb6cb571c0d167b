"""The same ledger with Django's ORM and django-simple-history, as anyone would write it."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from tests.benchmarks.contenders.base import Contender
from tests.benchmarks.contenders.django_template import migrated
from tests.benchmarks.database import Server
from tests.benchmarks.loads import Load
from tests.benchmarks.programs import Program, python


class Naive(Contender):
    key = "naive"
    name = "Django ORM + django-simple-history"
    gate = "naive_naiveevent"
    left = "SELECT count(*) FROM naive_naiveevent WHERE status <> 'consumed'"

    def template(self, server: Server, load: Load) -> str:
        return migrated(server)

    def fill(self, server: Server, database: str, load: Load, first: int = 0) -> None:
        payload = Jsonb(load.payload)
        rows = [(n % load.workflows, name, payload) for n, name in enumerate(load.names(first))]
        with server.connect(database) as db, db.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO naive_naiveevent (workflow, message_id, payload, status)"
                " VALUES (%s, %s, %s, 'pending')",
                rows,
            )

    def worker(self, server: Server, database: str) -> Program:
        command = python("-m", "tests.benchmarks.naive.worker")
        return Program(command, server.environment(database))
