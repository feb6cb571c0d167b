"""The demo without a person at the keyboard: work until all is settled, then compare (P1, P2, P3).

Two processes, so that none is left alone. The outer one makes a database for the run and removes it
when the inner one has ended, however it ended. The inner one works; if the outer one is gone it is
told to end, and clears up by itself.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import connection
from django.utils import timezone

from workflows_app.demo import database, places
from workflows_app.demo.invoices import FILE_VARIABLE, InvoiceFile
from workflows_app.demo.person import Person
from workflows_app.demo.processes import (
    Children,
    EndedBySignal,
    ended_by_signals,
    manage,
    start_bank,
)
from workflows_app.demo.setting_up import set_up
from workflows_app.demo.summary import Summary, is_settled, progress, summarise
from workflows_app.demo.workflows import BANK_URL_VARIABLE
from workflows_app.dispatch import wake_due

RUN_VARIABLE = "WORKFLOWS_DEMO_RUN"
_OUTER_VARIABLE = "WORKFLOWS_DEMO_OUTER_PROCESS"
_WORKERS = 2
_LOOK_SECONDS = 0.2
_PROGRESS_SECONDS = 5.0


def run_in_a_fresh_database(arguments: list[str]) -> int:
    """Run the command of these arguments in a database of its own; return its exit code.

    Raises NoDatabase.
    """
    run = f"workflows_demo_{secrets.token_hex(4)}"
    variables = {RUN_VARIABLE: run, _OUTER_VARIABLE: str(os.getpid())}
    with ended_by_signals():
        try:
            with database.fresh(run):
                variables |= database.environment_for(run)
                with Children(variables, stop_seconds=40) as children:
                    code = children.start("demo", *manage(*arguments)).wait()
        except EndedBySignal as ended:
            code = ended.exit_code
        finally:
            places.remove(run)
    return 128 - code if code < 0 else code


@contextmanager
def dropped_if_orphaned(run: str) -> Iterator[None]:
    """Let the inner process of a run remove the run's database at its end, if the outer one is gone."""
    try:
        yield
    finally:
        outer = os.environ.get(_OUTER_VARIABLE)
        if outer is not None and outer != str(os.getppid()):
            connection.close()
            database.drop(run)


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    summary: Summary
    decisions: int
    seconds: float
    in_time: bool


@dataclass(frozen=True)
class UnattendedRun:
    """The inner process of a run: workers and a bank, and the person played here."""

    name: str
    path: Path
    file: InvoiceFile
    seed: int
    time_limit: float
    #: Into the log, instead of to the terminal.
    is_logged: bool
    tell: Callable[[str], object]

    def work(self) -> Result:
        """Pay all invoices, and compare. Raises ChildEnded and EndedBySignal.

        However it ends, no process and no file but the log is left.
        """
        log = places.log_of(self.name) if self.is_logged else None
        with (
            ended_by_signals(),
            dropped_if_orphaned(self.name),
            places.made(self.name) as directory,
            places.logged_to(log),
        ):
            return self._work_in(directory, log)

    def _work_in(self, directory: Path, log: Path | None) -> Result:
        person = Person(set_up(), directory / "bank.jsonl")
        # A copy, so that what is compared at the end is what was read.
        copy = shutil.copy(self.path, directory)
        environment = {FILE_VARIABLE: str(copy)}
        started = time.monotonic()
        with Children(environment, log=log) as children:
            url = start_bank(children, directory=directory, fails_by=["--seed", str(self.seed)])
            children.environment[BANK_URL_VARIABLE] = url
            for number in range(_WORKERS):
                children.start(f"worker {number + 1}", *manage("run_worker", "--skip-checks"))
            in_time = self._settle_everything(children, person, started)
        summary = summarise(self.file, directory / "bank.jsonl")
        return Result(summary, len(person.decisions), time.monotonic() - started, in_time)

    def _settle_everything(self, children: Children, person: Person, started: float) -> bool:
        """Wait until nothing is left to do, and decide meanwhile. Return False if out of time."""
        told = 0
        progress_at = started + _PROGRESS_SECONDS
        while not is_settled(self.file):
            children.check()
            now = time.monotonic()
            if now > started + self.time_limit:
                return False
            # The workers' own sweep comes every few seconds; here all is due within seconds.
            wake_due()
            person.settle(now=timezone.now())
            for decision in person.decisions[told:]:
                self.tell(f"{now - started:4.0f} s  {decision}")
            told = len(person.decisions)
            if now > progress_at:
                self.tell(f"{now - started:4.0f} s  {progress()}")
                progress_at += _PROGRESS_SECONDS
            time.sleep(_LOOK_SECONDS)
        return True
