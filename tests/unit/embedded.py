"""Processes that use an embedded server of their own, and places for it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]

# Connects, then answers each line of its input with the number of the server's process.
CLIENT = """
import sys
from pathlib import Path
import psycopg
from config.embedded_postgres.server import connection_params

directory = Path(sys.argv[1])

def report():
    params = connection_params(directory, "workflows")
    with psycopg.connect(**params, dbname="workflows") as connection:
        connection.execute("SELECT 1")
    server = (directory / "data" / "postmaster.pid").read_text().split()[0]
    # In one piece: threads report at once.
    print(server + chr(10), end="", flush=True)
"""
ANSWERING = CLIENT + "report()\nfor line in sys.stdin:\n    report()\n"


class Client:
    """A process that uses the server in `directory`."""

    def __init__(self, directory: Path, program: str = ANSWERING, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(directory)],
            cwd=ROOT,
            env=clean_environment(**environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def read(self) -> int:
        """Return the number of the server's process, as this client sees it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            pytest.fail(self.process.stderr.read())
        return int(line)

    def ask(self) -> int:
        """Let the client use the server again."""
        assert self.process.stdin is not None
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        return self.read()

    def leave(self) -> list[int]:
        """Let the client end as programs do; return what it said in the meantime."""
        out, err = self.process.communicate(timeout=60)
        assert (self.process.returncode, err) == (0, "")
        return [int(line) for line in out.split()]

    def die(self) -> None:
        """End the client without giving it a chance to sign off."""
        self.process.kill()
        self.process.communicate()

    def become_a_zombie(self) -> None:
        """End the client as `die` does, but take no note of that: it stays in the list of processes."""
        self.process.kill()
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)


def clean_environment(**more: str) -> dict[str, str]:
    """Return an environment without what selects or configures a server."""
    dropped = ("DATABASE_URL", "XDG_RUNTIME_DIR", "EMBEDDED_POSTGRES_DIR", "EMBEDDED_POSTGRES_NAME")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"DATABASE_URL": "", "DEBUG": "1", "WORKFLOWS_DEMO": "0", **more}


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@contextlib.contextmanager
def new_place() -> Iterator[Path]:
    """A directory that root's server can enter, with a short path; `pg` in it may get a server."""
    path = Path(tempfile.mkdtemp(prefix="workflows-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
            pid_file = path / "pg" / "data" / "postmaster.pid"
            psutil.Process(int(pid_file.read_text().split()[0])).send_signal(signal.SIGQUIT)
        shutil.rmtree(path)


def is_running(pid: int) -> bool:
    """Tell whether the process works; one that ended may wait for its parent to take note."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
