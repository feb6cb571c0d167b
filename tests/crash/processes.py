"""Processes of `manage.py` that are quick to start: libraries take half of the time, and are loaded once.

Each is a process of its own, forked from one that has loaded them and does nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

#: What a worker loads that is not this project's, as far as it can be loaded without its settings.
_LIBRARIES = [
    *("cryptography.x509", "croniter", "environ", "httpcore", "httpx", "pgtrigger", "requests"),
    *("procrastinate", "psycopg", "simple_history.models", "django_fsm", "django.contrib.admin"),
    *("django.core.management", "django.contrib.postgres.fields"),
    "django.db.backends.postgresql.base",
]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(_LIBRARIES)


def start(*arguments: str, environment: dict[str, str], log: Path) -> ForkServerProcess:
    """Start `manage.py ARGUMENTS` in this environment; what it says goes to `log`."""
    # Nothing that has coverage measured in a process, or takes it for one of pytest's.
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "PYTEST_"))
    }
    log.touch()
    process = _CONTEXT.Process(target=_run, args=(arguments, own | environment, log))
    process.start()
    return process


def _run(arguments: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    sys.argv = ["manage.py", *arguments]
    import manage

    manage.main()
