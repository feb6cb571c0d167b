"""Commands as processes of their own, on the database of the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection

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
