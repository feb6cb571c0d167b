"""The processes of a benchmark: programs that run to their end, and workers that are stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.secret_key import SECRET_KEY

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "tests.benchmarks.settings"
#: Where the peers are installed, by `make bench-peers`.
PEERS = ROOT / ".venv-bench" / "bin" / "python"
_STOP_SECONDS = 30.0


class ProgramFailed(Exception):
    """A program of a contender ended with an error."""


@dataclass(frozen=True)
class Program:
    """A command and the variables that it needs besides the usual ones."""

    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        usual = {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "WORKFLOWS_LOG_LEVEL": "ERROR",
            "SECRET_KEY": SECRET_KEY,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        return {**os.environ, **usual, **self.environment}

    def run(self, *, seconds: float = 1800.0) -> str:
        """Run it to its end and return what it said. Raises ProgramFailed."""
        done = subprocess.run(
            self.command,
            env=self.variables(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode != 0:
            raise ProgramFailed(f"{' '.join(self.command)} failed:\n{done.stderr[-4000:]}")
        return done.stdout


def python(*arguments: str, of_peers: bool = False) -> list[str]:
    """Return the command that runs Python, ours or the one that has the peers."""
    return [str(PEERS) if of_peers else sys.executable, *arguments]


def manage(*arguments: str) -> list[str]:
    return python("manage.py", *arguments)


class Crew:
    """Worker processes of one contender, with all that they start themselves."""

    def __init__(self, program: Program, number: int, log: Path) -> None:
        self._log = log
        with log.open("wb") as said:
            self._processes = [
                subprocess.Popen(
                    program.command,
                    env=program.variables() | {"PGAPPNAME": f"bench worker {n}"},
                    cwd=ROOT,
                    stdout=said,
                    stderr=said,
                )
                for n in range(number)
            ]

    def has_ended(self) -> bool:
        """Tell whether no worker is there any more."""
        return all(process.poll() is not None for process in self._processes)

    def said(self) -> str:
        """Return the end of what the workers said."""
        return self._log.read_text(errors="replace")[-3000:]

    def cpu_seconds(self) -> list[float]:
        """Return the processor time of each worker so far."""
        return [sum(_cpu(one) for one in family) for family in self._families()]

    def megabytes(self) -> list[float]:
        """Return the resident memory of each worker."""
        found = []
        for family in self._families():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(sum(one.memory_info().rss for one in family) / 2**20)
        return found

    def stop(self) -> None:
        """Tell the workers to stop, and wait until they have."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process, family in zip(self._processes, self._families(), strict=True):
            try:
                process.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                for one in family:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        one.kill()
                process.wait()

    def _families(self) -> list[list[psutil.Process]]:
        families = []
        for process in self._processes:
            family: list[psutil.Process] = []
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = psutil.Process(process.pid)
                family = [parent, *parent.children(recursive=True)]
            families.append(family)
        return families


def _cpu(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


@contextlib.contextmanager
def crew(program: Program, number: int) -> Iterator[Crew]:
    """Start so many workers, and stop them at the end of the block."""
    with tempfile.TemporaryDirectory() as directory:
        workers = Crew(program, number, Path(directory) / "log")
        try:
            yield workers
        finally:
            workers.stop()
