"""Where the demo keeps its files: all under `var/demo`, and of an ended run only the log."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection


def directory_of(run: str) -> Path:
    """Return the directory of the run of this name."""
    return Path(settings.BASE_DIR) / "var" / "demo" / run


def served_run() -> str:
    """Return the name of the served demo: the bank's records belong to the database's payments."""
    return f"served-{quote(connection.settings_dict['NAME'], safe='')}"


def log_of(run: str) -> Path:
    """Return the file that the processes of a run log to."""
    return directory_of(run) / "demo.log"


def last_log() -> Path:
    """Return where the log of the run that ended last is kept."""
    return directory_of("last-run.log")


@contextmanager
def made(run: str) -> Iterator[Path]:
    """Make the directory of a run for a block."""
    directory = directory_of(run)
    directory.mkdir(parents=True)
    try:
        yield directory
    finally:
        remove(run)


def remove(run: str) -> None:
    """Remove the directory of a run, if it is there; keep its log as the latest."""
    if log_of(run).exists():
        os.replace(log_of(run), last_log())
    shutil.rmtree(directory_of(run), ignore_errors=True)


@contextmanager
def logged_to(log: Path | None) -> Iterator[None]:
    """Let this process log to the file `log`, if there is one, instead of to the terminal."""
    if log is None:
        yield
        return
    root = logging.getLogger()
    handlers = root.handlers[:]
    file = logging.FileHandler(log)
    file.setFormatter(handlers[0].formatter if handlers else None)
    root.handlers[:] = [file]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        file.close()
