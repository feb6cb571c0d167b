"""The database that goes away: this process works in it, and so do those that it starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import environ
from django.db import DEFAULT_DB_ALIAS, connection, connections

from tests.away.server import Server
from workflows_app.engine.jobs import Worker

#: What tests change of the server.
CHANGED = ["default_transaction_read_only", "synchronous_standby_names", "wal_writer_delay"]


@dataclass(frozen=True)
class Database:
    """A database on a server that may be away."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; this process has no session there any more either."""
        connection.close()
        self.server.stop(mode)

    def start(self) -> None:
        self.server.start()

    def restart(self, mode: str) -> None:
        self.stop(mode)
        self.start()

    def hang_up(self) -> None:
        """End all sessions here, this process's too."""
        connection.close()
        self.server.hang_up(self.name)

    def keep_a_copy(self) -> None:
        """Keep what it holds now."""
        self.hang_up()
        self.server.tell("CREATE DATABASE {} TEMPLATE {}", (), self.copy, self.name)

    def go_back_to_the_copy(self) -> None:
        """Hold again what was kept, and nothing that came after it."""
        self.server.tell("ALTER DATABASE {} ALLOW_CONNECTIONS false", (), self.name)
        self.hang_up()
        self.server.tell("DROP DATABASE {}", (), self.name)
        self.server.tell("ALTER DATABASE {} RENAME TO {}", (), self.copy, self.name)

    @property
    def copy(self) -> str:
        return f"{self.name}_copy"

    def move(self, tablespace: str) -> None:
        """Put its tables on another disk."""
        self.hang_up()
        self.server.tell("ALTER DATABASE {} SET TABLESPACE {}", (), self.name, tablespace)

    def put_right(self) -> None:
        """Have the server run as it did at first, whatever was done to it."""
        if not self.server.is_running:
            self.server.start()
        for setting in CHANGED:
            self.server.configure(setting, None)


@contextmanager
def serving(url: str) -> Iterator[None]:
    """Let Django work on the database at `url` for the block, in all threads that connect in it."""
    before: dict[str, Any] = connections.settings[DEFAULT_DB_ALIAS]
    kept = connections[DEFAULT_DB_ALIAS]
    settings = {
        **before,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        **environ.Env.db_url_config(url),
    }
    connections.settings[DEFAULT_DB_ALIAS] = settings
    del connections[DEFAULT_DB_ALIAS]
    # Threads of an earlier test may still be connected elsewhere.
    Worker.end_idle()
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS].close()
        Worker.end_idle()
        connections.settings[DEFAULT_DB_ALIAS] = before
        connections[DEFAULT_DB_ALIAS] = kept
