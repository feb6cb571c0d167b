"""What PostgreSQL itself says that the work cost: commits, fsyncs, bytes of WAL, statements."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.benchmarks.database import Server

_LOGGED = re.compile(rb" LOG:  (?:statement: |execute [^:\n]*: )")
_CHUNK = 16 * 2**20


@dataclass(frozen=True)
class Counters:
    """Totals at one moment; of WAL those of the server, of commits those of one database."""

    commits: float
    wal_syncs: float
    wal_bytes: float

    def since(self, before: Counters) -> Counters:
        return Counters(
            self.commits - before.commits,
            self.wal_syncs - before.wal_syncs,
            self.wal_bytes - before.wal_bytes,
        )

    def per(self, events: int) -> dict[str, float]:
        return {name: value / events for name, value in vars(self).items()}


def counters(server: Server, database: str) -> Counters:
    """Return the totals. A session tells its own when it ends: ask when the workers have ended."""
    ((commits,),) = server.ask(
        "SELECT xact_commit FROM pg_stat_database WHERE datname = %s", database
    )
    ((wal,),) = server.ask("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
    if int(server.ask("SHOW server_version_num")[0][0]) >= 180000:
        ((syncs,),) = server.ask("SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'")
    else:
        ((syncs,),) = server.ask("SELECT wal_sync FROM pg_stat_wal")
    return Counters(float(commits), float(syncs or 0), float(wal))


class StatementCount:
    """Counts the statements of a database from now on; knows how, if the server offers a way.

    By pg_stat_statements, if the server has loaded it, else by the server's log, if that is where
    the embedded server has it: logging costs time, so what is timed is not counted.
    """

    def __init__(self, server: Server, database: str) -> None:
        self._server, self._database = server, database
        loaded = server.ask("SHOW shared_preload_libraries")[0][0]
        self._by_view = "pg_stat_statements" in loaded
        self._by_log = not self._by_view and self._log_size() is not None
        if self._by_view:
            with server.connect(database) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        if self._by_log:
            server.configure(database, "log_statement", "all")
            server.configure(database, "log_parameter_max_length", "0")
        self._from = self._log_size() or 0
        self._began = self._total()

    def so_far(self) -> float | None:
        """Return how many there were, or None if the server offers no way to know."""
        total = self._total()
        return None if total is None or self._began is None else float(total - self._began)

    def restart(self) -> None:
        self._began = self._total()

    def _total(self) -> int | None:
        if self._by_view:
            with self._server.connect(self._database) as connection:
                row = connection.execute(
                    "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s"
                    " JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database()"
                ).fetchone()
            assert row is not None
            return int(row[0])
        return self._in_log() if self._by_log else None

    def _in_log(self) -> int:
        size = self._log_size() or 0
        found, rest = 0, b""
        for start in range(self._from, size, _CHUNK):
            ((read,),) = self._server.ask(
                "SELECT pg_read_binary_file('log', %s, %s)", start, _CHUNK
            )
            lines = rest + bytes(read)
            whole, _, rest = lines.rpartition(b"\n")
            found += len(_LOGGED.findall(whole))
        return found

    def _log_size(self) -> int | None:
        ((size,),) = self._server.ask("SELECT size FROM pg_stat_file('log', true)")
        # A server that collects its logs has a folder of that name.
        ((is_folder,),) = self._server.ask(
            "SELECT coalesce((pg_stat_file('log', true)).isdir, true)"
        )
        return None if is_folder else size
