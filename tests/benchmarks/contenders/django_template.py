"""The databases that contenders on Django begin with: migrated, or with workflows that rest."""

from __future__ import annotations

from tests.benchmarks.database import PREFIX, Server
from tests.benchmarks.programs import Program, manage, python

#: More workflows than this are copied: to sync each takes a while.
_SYNCED = 16


def migrated(server: Server) -> str:
    """Return the database with all tables, made at the first call."""
    name = f"{PREFIX}migrated"
    if not _exists(server, name):
        server.create("migrated")
        environment = server.environment(name)
        # Tables without migrations come last: they refer to those with.
        Program(manage("migrate", "-v0"), environment).run()
        Program(manage("migrate", "--run-syncdb", "-v0"), environment).run()
    return name


def with_workflows(server: Server, number: int) -> str:
    """Return the database with so many workflows, synced and at rest, made at the first call."""
    name = f"{PREFIX}workflows_{number}"
    if not _exists(server, name):
        server.create(f"workflows_{number}", template=migrated(server))
        environment = server.environment(name)
        synced = {"BENCH_WORKFLOWS": str(min(number, _SYNCED))}
        Program(manage("sync_workflows"), environment | synced).run()
        Program(manage("run_worker", "--until-idle"), environment | synced).run()
        if number > _SYNCED:
            copying = python("-m", "tests.benchmarks.ours.fill", "workflows", str(number))
            Program(copying, environment | synced).run()
    return name


def _exists(server: Server, name: str) -> bool:
    return bool(server.ask("SELECT 1 FROM pg_database WHERE datname = %s", name))
