"""A project made by `startproject` in a fresh environment, with a database of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
from django.db import connection
from psycopg import sql

from tests.eventually import eventually

#: To load a project takes longest of what a command does.
_EACH = """
import os, shlex, sys
os.environ |= {"DJANGO_SETTINGS_MODULE": "mysite.settings", "DJANGO_SUPERUSER_PASSWORD": "correct-horse"}
import django
from django.core.management import call_command
django.setup()
for line in sys.argv[1:]:
    call_command(*shlex.split(line))
"""


@dataclass
class Project:
    """Where a newcomer works: commands run here, with the environment's `python`."""

    folder: Path
    python: Path
    database: dict[str, str]
    address: str = ""
    said: list[str] = field(default_factory=list)

    def sh(self, line: str) -> str:
        """Run a command as a shell would; return what it said. Fails if it fails."""
        return self._run("bash", "-o", "pipefail", "-ec", line)

    def manage(self, *lines: str, said: str = "") -> str:
        """Run commands of the project one after the other in one process, which hears `said`; return what they said."""
        return self._run(str(self.python), "-c", _EACH, *lines, said=said)

    def _run(self, *command: str, said: str = "") -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=said,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        self.said.append(done.stdout + done.stderr)
        return self.said[-1]

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        path = f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"
        alone = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_CACHE_DIR": "1"}
        return {**kept, **alone, **self.database, "PATH": path, "PYTHONUNBUFFERED": "1"}

    def add(self, path: str, text: str) -> None:
        """Write a file, or add to its end if `startproject` made it with something in it."""
        file = self.folder / path
        before = file.read_text() if file.exists() and file.name == "settings.py" else ""
        file.write_text(before + text)

    @contextmanager
    def serving(self, line: str) -> Iterator[httpx.Client]:
        """Run a `runserver` line, on a free port in place of its own; give a browser."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        line = re.sub(r"runserver \d+", f"runserver --noreload {port}", line)
        log = self.folder / "server.log"
        with log.open("wb") as stream:
            server = subprocess.Popen(
                ["bash", "-ec", f"exec {line}"],
                cwd=self.folder,
                env=self.environment,
                stdout=stream,
                stderr=stream,
            )
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", follow_redirects=True, timeout=30
            ) as browser:
                eventually(lambda: _answers(port) or server.poll() is not None, expected=True)
                assert server.poll() is None, log.read_text()
                yield browser
        finally:
            server.terminate()
            server.wait(10)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def empty_database(name: str, options: str = "") -> Iterator[dict[str, str]]:
    """Make a database on the server of the tests; give libpq's variables for it."""
    params = connection.get_connection_params()
    own = {key: params[key] for key in ("host", "port", "user", "password") if params.get(key)}
    with psycopg.connect(**own, dbname="postgres", autocommit=True) as server:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        server.execute(drop)
        server.execute(sql.SQL(f"CREATE DATABASE {{}} {options}").format(sql.Identifier(name)))
        try:
            yield {
                **{f"PG{key.upper()}": str(value) for key, value in own.items()},
                "PGDATABASE": name,
            }
        finally:
            server.execute(drop)
