"""Runs of `manage.py demo` and `drill` as processes of their own, and what they leave behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
from django.conf import settings
from django.db import connection

from tests.eventually import eventually
from workflows_app.demo import places
from workflows_app.demo.unattended import RUN_VARIABLE

END_SECONDS = 120.0
#: The server of the tests is there for nothing else.
MINE = ["--database-is-mine"]


class DemoProcess:
    """One `manage.py demo`, or `drill`, with what it writes in files."""

    def __init__(
        self, directory: Path, *arguments: str, command: str = "demo", **environment: str
    ) -> None:
        directory.mkdir()
        self._output, self._errors = directory / "stdout", directory / "stderr"
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self._process = psutil.Popen(
                [sys.executable, str(settings.BASE_DIR / "manage.py"), command, *MINE, *arguments],
                env={**os.environ, "DEBUG": "1", **environment},
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
        self._family: list[psutil.Process] = []

    @property
    def stdout(self) -> str:
        return self._output.read_text()

    @property
    def stderr(self) -> str:
        return self._errors.read_text()

    def wait_for_children(self, number: int) -> None:
        """Return when so many processes run below this one."""
        eventually(
            lambda: len(self._children()) >= number or self.stderr != "",
            True,
            within_seconds=END_SECONDS,
        )
        self._family = [self._process, *self._children()]

    def child(self, *words: str) -> psutil.Process:
        """Return the first process below this one whose command line has all `words`."""
        return next(process for process in self._children() if set(words) <= set(process.cmdline()))

    def run_name(self) -> str:
        """Return the name of this run: of its database and of its directory."""
        return str(self.child("--skip-checks").environ()[RUN_VARIABLE])

    def signal(self, number: int) -> None:
        """Send a signal to the process that was started."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; return the exit code."""
        return int(self._process.wait(END_SECONDS))

    def left_alive(self) -> list[list[str]]:
        """Return the command lines of its processes that do not end."""
        _, alive = psutil.wait_procs(self._family, timeout=END_SECONDS)
        return [process.cmdline() for process in alive]

    def stop(self) -> None:
        """End what still runs."""
        for process in (self._process, *self._family):
            if process.is_running():
                process.kill()
        self._process.wait()

    def _children(self) -> list[psutil.Process]:
        try:
            return [
                process
                for process in self._process.children(recursive=True)
                if "postgres" not in process.name()
            ]
        except psutil.NoSuchProcess:
            return []


def is_left_behind(run: str) -> bool:
    """Tell whether a run has left its database or its directory."""
    params = {**connection.get_connection_params(), "dbname": "postgres"}
    with psycopg.connect(**params) as server:
        found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [run]).fetchone()
    return found is not None or places.directory_of(run).exists()
