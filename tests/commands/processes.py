"""Commands as processes of their own, on the database of the test.

`started` starts Python, as a shell does: for what the start decides, such as streams and their encoding. `forked`
forks from a process that has loaded the project, which takes a fifth of that.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.db import connection

from tests.crash.payments import SLUGS_VARIABLE
from tests.crash.processes import ENVIRONMENT, start
from workflows_app.demo.database import environment_for


@contextmanager
def started(
    *arguments: object, redirect: str = "", stdin: int = subprocess.DEVNULL, **environment: str
) -> Iterator[subprocess.Popen[Any]]:
    """Start `manage.py ARGUMENTS`, and see that it is gone at the end. `redirect`: as a shell has it."""
    command = [sys.executable, "manage.py", *map(str, arguments), "--skip-checks"]
    process = subprocess.Popen(
        ["/bin/sh", "-c", f'exec "$@" {redirect}', "sh", *command],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            **environment_for(connection.settings_dict["NAME"]),
            "DEBUG": "1",
            **environment,
        },
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@dataclass(frozen=True)
class Forked:
    """A command that runs."""

    process: ForkServerProcess
    out: Path
    err: Path

    def interrupt(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended(self) -> tuple[int | None, str, str]:
        """Wait until it has ended; return its exit code, what it said, and its errors."""
        self.process.join(30)
        return self.process.exitcode, self.out.read_text(), self.err.read_text()


@contextmanager
def forked(*arguments: object, slugs: str = "", **environment: str) -> Iterator[Forked]:
    """Fork `manage.py ARGUMENTS`, with the code of the workflows `slugs`, and see that it is gone at the end."""
    with TemporaryDirectory() as directory:
        out, err = Path(directory, "out"), Path(directory, "err")
        process = start(
            *(*map(str, arguments), "--skip-checks"),
            environment={
                **environment_for(connection.settings_dict["NAME"]),
                **ENVIRONMENT,
                SLUGS_VARIABLE: slugs,
                **environment,
            },
            log=out,
            errors=err,
        )
        try:
            yield Forked(process, out, err)
        finally:
            process.kill()
            process.join()
