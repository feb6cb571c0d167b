"""`manage.py demo`: the whole thing at work, against a bank that fails on purpose."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from workflows_app.demo import places
from workflows_app.demo.database import NoDatabase, require_own
from workflows_app.demo.invoices import BUNDLED, InvoiceFile, UnusableFile
from workflows_app.demo.management.command import DemoCommand, whole_number
from workflows_app.demo.processes import ChildEnded, EndedBySignal
from workflows_app.demo.serving import CannotServe, ServedDemo
from workflows_app.demo.setting_up import AccountTaken
from workflows_app.demo.unattended import (
    RUN_VARIABLE,
    Result,
    UnattendedRun,
    run_in_a_fresh_database,
)
from workflows_app.management.exits import ERROR


class Command(DemoCommand):
    help = (
        "Pay invoices at a small bank that fails on purpose. Without options: web, worker and bank, "
        "until Ctrl-C. With --no-serve: the same work in a database of its own, until all is "
        "settled, and a comparison of the bank's records with the ledger; exit code 0 means that "
        "all is settled and they agree. --verbosity 2 shows what the processes log."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="do the work, and exit")
        super().add_arguments(parser)
        parser.add_argument("--invoices", type=Path, help="CSV or JSON lines to pay instead")
        parser.add_argument(
            "--time-limit",
            type=_seconds,
            default=300,
            help="seconds after which --no-serve gives up (default: 300)",
        )

    def handle(self, **options: Any) -> None:
        path: Path = (options["invoices"] or BUNDLED).resolve()
        if not path.is_file():
            raise CommandError(f"There is no file {options['invoices']}.")
        try:
            file = InvoiceFile.read(path)
            require_own(is_mine=options["database_is_mine"])
            if not options["no_serve"]:
                self._serve(path, options)
            elif run := os.environ.get(RUN_VARIABLE):
                self._work(run, path, file, options)
            else:
                self._work_apart(path, file, options)
        except (UnusableFile, NoDatabase, CannotServe, AccountTaken, ChildEnded) as error:
            raise CommandError(str(error)) from None
        except EndedBySignal:
            raise SystemExit(ERROR) from None

    def _serve(self, path: Path, options: dict[str, Any]) -> None:
        ServedDemo(
            path=path,
            seed=options["seed"],
            port=options["port"],
            is_logged=options["verbosity"] < 2,
            tell=self.tell,
        ).serve()

    def _work_apart(self, path: Path, file: InvoiceFile, options: dict[str, Any]) -> None:
        self.tell(
            f"Paying {len(file.invoices)} invoices of {path.name} at a bank that fails on purpose"
            f" (seed {options['seed']}). What blocks is settled by a person, played here."
        )
        code = run_in_a_fresh_database(
            [
                "demo",
                "--no-serve",
                "--skip-checks",
                f"--invoices={path}",
                f"--seed={options['seed']}",
                f"--time-limit={options['time_limit']}",
                f"--verbosity={options['verbosity']}",
                *(["--database-is-mine"] if options["database_is_mine"] else []),
            ]
        )
        if code > 128:
            self.tell("Stopped before all was done.")
            code = ERROR
        if options["verbosity"] < 2 and places.last_log().exists():
            self.tell(f"What the processes logged: {places.last_log()}")
        raise SystemExit(code)

    def _work(self, run: str, path: Path, file: InvoiceFile, options: dict[str, Any]) -> None:
        result = UnattendedRun(
            name=run,
            path=path,
            file=file,
            seed=options["seed"],
            time_limit=options["time_limit"],
            is_logged=options["verbosity"] < 2,
            tell=self.tell,
        ).work()
        self._tell_result(result, options["time_limit"])
        if result.summary.disagreements or result.summary.open or not result.in_time:
            raise SystemExit(1)

    def _tell_result(self, result: Result, time_limit: int) -> None:
        summary = result.summary
        how = "Settled" if result.in_time else f"The time limit of {time_limit} s was reached"
        self.tell(f"\n{how} after {result.seconds:.0f} s, with {result.decisions} decisions.\n\n")
        self.tell("\n".join(summary.lines))
        for item in summary.open:
            self.tell(f"STILL OPEN: {item}")
        for disagreement in summary.disagreements:
            self.tell(f"DISAGREEMENT: {disagreement}")
        if not summary.disagreements:
            so_far = " so far" if summary.open else ", to the last payment"
            self.tell(f"\nBank and ledger agree{so_far}.")


def _seconds(text: str) -> int:
    return whole_number(text, 1, 86_400)
