"""Databases of the benchmark on the project's server: templates, and a copy for each round."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any, LiteralString
from urllib.parse import quote, urlencode

import psutil
import psycopg
from psycopg import sql

_ALL = "workflows_bench_"
#: All databases of this run begin so.
PREFIX = f"{_ALL}{os.getpid()}_"


def server_params() -> dict[str, Any]:
    """Return how to reach the server of `DATABASE_URL`, or the embedded one, started if need be."""
    import django
    from django.db import connection

    django.setup()
    params = connection.get_connection_params()
    return {key: params[key] for key in ("host", "port", "user", "password") if params.get(key)}


class Server:
    """The PostgreSQL server that all contenders share."""

    def __init__(self) -> None:
        self._params = server_params()
        self._admin = psycopg.connect(**self._params, dbname="postgres", autocommit=True)

    def url(self, name: str) -> str:
        """Return the address of the database `name`; a socket's directory goes into the query."""
        params = self._params
        who = quote(str(params.get("user", "")), safe="")
        if "password" in params:
            who += f":{quote(params['password'], safe='')}"
        host = str(params.get("host", ""))
        port = params.get("port", 5432)
        if host.startswith("/"):
            return f"postgresql://{who}@/{name}?{urlencode({'host': host, 'port': port})}"
        return f"postgresql://{who}@{host}:{port}/{name}"

    def environment(self, name: str) -> dict[str, str]:
        """Return the variables that make a Django process use the database `name`."""
        if os.environ.get("DATABASE_URL"):
            return {"DATABASE_URL": self.url(name).replace("postgresql:", "postgres:", 1)}
        return {"EMBEDDED_POSTGRES_NAME": name}

    def connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(**self._params, dbname=name, autocommit=True)

    def create(self, name: str, *, template: str = "template1") -> str:
        """Make a database anew, as a copy of `template`, and return its whole name."""
        self.drop(name)
        self._tell("CREATE DATABASE {} TEMPLATE {}", PREFIX + name, template)
        return PREFIX + name

    def create_as(self, name: str) -> str:
        """Make a database of exactly this name, which stays when the run is over."""
        self._tell("CREATE DATABASE {}", name)
        return name

    def drop(self, name: str) -> None:
        self._tell("DROP DATABASE IF EXISTS {} WITH (FORCE)", PREFIX + name.removeprefix(PREFIX))

    def drop_all(self) -> None:
        """Drop all databases of this run, and on this machine's own server those of killed runs."""
        names = self.ask("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", _ALL)
        for (name,) in names:
            run = name.removeprefix(_ALL).partition("_")[0]
            is_ours = not os.environ.get("DATABASE_URL") and run.isdecimal()
            if name.startswith(PREFIX) or (is_ours and not psutil.pid_exists(int(run))):
                self._tell("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _tell(self, statement: LiteralString, *names: str) -> None:
        self._admin.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))

    def ask(self, query: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query about the server."""
        return self._admin.execute(query, values).fetchall()

    def configure(self, name: str, setting: str, value: str) -> None:
        """Let later sessions of the database have another setting."""
        statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
        names = (sql.Identifier(name), sql.Identifier(setting), sql.Literal(value))
        self._admin.execute(statement.format(*names))

    def settle(self) -> None:
        """Let each round begin from the same state of the disk."""
        self._admin.execute("CHECKPOINT")

    def sessions(self, name: str) -> list[int]:
        """Return the process ids of the sessions in the database."""
        found = self.ask("SELECT pid FROM pg_stat_activity WHERE datname = %s", name)
        return [pid for (pid,) in found]

    @contextlib.contextmanager
    def gate(self, name: str, table: str) -> Iterator[Gate]:
        """Lock a table for a block, so that whoever reads it waits there; opened at its end."""
        with self.connect(name) as holder, holder.transaction():
            holder.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(_table(table)))
            yield Gate(self, name)

    def clock_ahead_by(self) -> float:
        """Return by how many seconds the server's clock is ahead of ours."""
        best, found = 1.0, 0.0
        for _ in range(20):
            before = time.time()
            ((there,),) = self.ask("SELECT extract(epoch FROM clock_timestamp())::float8")
            took = time.time() - before
            if took < best:
                best, found = took, there - (before + took / 2)
        return found


class Gate:
    """A table that is locked until all workers wait for it."""

    def __init__(self, server: Server, name: str) -> None:
        self._server, self._name = server, name

    def waiting(self) -> int:
        """Return how many sessions wait."""
        ((number,),) = self._server.ask(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'",
            self._name,
        )
        return int(number)


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))
