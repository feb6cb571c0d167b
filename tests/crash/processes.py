"""Workers, and commands, that are quick to start: what they load takes most of the time, and is loaded once.

Each is a process of its own, forked from one that has loaded the project and does nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.secret_key import SECRET_KEY

#: What every worker of these tests is told.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.crash.settings",
    "SECRET_KEY": SECRET_KEY,
    "DEBUG": "0",
}
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.crash.loaded"])


def start(
    *arguments: str, environment: dict[str, str], log: Path, errors: Path | None = None
) -> ForkServerProcess:
    """Start `manage.py ARGUMENTS` in this environment; what it says goes to `log`, its errors to a file of their own."""
    # Nothing that has coverage measured in a process, or takes it for one of pytest's.
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "PYTEST_"))
    }
    files = (log, errors or log)
    for file in files:
        file.touch()
    process = _CONTEXT.Process(target=_run, args=(arguments, own | environment, files))
    process.start()
    return process


def _run(arguments: tuple[str, ...], environment: dict[str, str], files: tuple[Path, Path]) -> None:
    # Here, and not in the process of the tests, which has loaded the project in its own way.
    from tests.crash import loaded

    os.environ.clear()
    os.environ.update(environment)
    for stream, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), stream)
    sys.argv = ["manage.py", *arguments]
    loaded.take_environment()
    import manage

    manage.main()
