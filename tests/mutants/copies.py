"""A copy of the project in a temporary directory, in which one fault at a time is planted and tested."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from config.embedded_postgres.location import default_directory
from tests.mutants.fault import ROOT, Fault

#: After this a single test fails. The first one may have to make a database, some a server.
TEST_SECONDS = 300
#: After this the tests of a fault are ended, and it does not count as caught.
FAULT_SECONDS = 900


@dataclass(frozen=True)
class Tested:
    """How some tests went. `code` is pytest's, None if it came to no end."""

    code: int | None
    #: The first test that failed, and with what.
    failed: str
    #: The end of what pytest printed.
    output: str


class Copy:
    """All files that are the project's, with a database of their own."""

    def __init__(self, directory: Path, number: int) -> None:
        self._directory = directory
        self._environment = {**os.environ, **_database(number), "COLUMNS": "200", "PY_COLORS": "0"}
        self._needs_new_database = True
        self._process: subprocess.Popen[bytes] | None = None
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file():
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, directory / name)

    @contextmanager
    def with_fault(self, fault: Fault) -> Iterator[None]:
        """Plant `fault` for the block. Raises Drifted."""
        path = self._directory / fault.file
        text, planted = path.read_text(), fault.planted(self._directory)
        is_schema = "/migrations/" in fault.file
        self._needs_new_database |= is_schema
        try:
            self._write(path, planted)
            yield
        finally:
            self._write(path, text)
            self._needs_new_database |= is_schema

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text)
        # Two versions of one size within one second look the same to Python.
        Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)

    def stop(self) -> None:
        """End the tests that are running, from another thread."""
        if process := self._process:
            process.kill()

    def test(self, names: Iterable[str], *, seconds: float = FAULT_SECONDS) -> Tested:
        """Run these tests up to the first that fails."""
        database = "--create-db" if self._needs_new_database else "--reuse-db"
        program = [sys.executable, "-m", "pytest", "-x", "-q", "--reuse-db", database]
        program += [f"--timeout={TEST_SECONDS}", *(f"tests/{name}" for name in names)]
        with tempfile.TemporaryFile("w+") as printed:
            self._process = process = subprocess.Popen(
                program,
                cwd=self._directory,
                env=self._environment,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
            try:
                code: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                process.kill()
                process.wait()
            # What was ended in the middle may have left rows.
            self._needs_new_database = code not in (0, 1)
            printed.seek(0)
            output = printed.read()
        self._process = None
        return Tested(code, first_failed(output), output[-3000:])


def first_failed(output: str) -> str:
    """Return the first test that failed, and with what. What a fixture asserts is an error to pytest."""
    found = re.search(r"^(?:FAILED|ERROR) tests/(\S+::.*)$", output, flags=re.MULTILINE)
    return found[1] if found else ""


def _database(number: int) -> dict[str, str]:
    """Return the variables that make the tests of this copy use a database of their own."""
    if url := os.environ.get("DATABASE_URL"):
        parts = urlsplit(url)
        return {"DATABASE_URL": urlunsplit(parts._replace(path=f"{parts.path}_mutants_{number}"))}
    name = os.environ.get("EMBEDDED_POSTGRES_NAME", "workflows")
    # On the server of this checkout: the copy would start one of its own.
    directory = os.environ.get("EMBEDDED_POSTGRES_DIR") or default_directory(ROOT)
    return {
        "EMBEDDED_POSTGRES_NAME": f"{name}_mutants_{number}",
        "EMBEDDED_POSTGRES_DIR": str(directory),
    }
