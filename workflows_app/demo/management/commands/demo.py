"""`manage.py demo`: the whole thing at work, against a bank that fails on purpose."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from workflows_app.demo import places
from workflows_app.demo.database import NoDatabase
from workflows_app.demo.invoices import BUNDLED, InvoiceFile, UnusableFile
from workflows_app.demo.processes import ChildEnded, EndedBySignal
from workflows_app.demo.serving import CannotServe, ServedDemo
from workflows_app.demo.setting_up import AccountTaken
from workflows_app.demo.unattended import (
    RUN_VARIABLE,
    Result,
    UnattendedRun,
    run_in_a_fresh_database,
)
from workflows_app.management import command
from workflows_app.management.exits import ERROR


class Command(command.Command):
    answers_signals = True
    help = (
        "Pay invoices at a small bank that fails on purpose. Without options: web, worker and bank, "
        "until Ctrl-C. With --no-serve: the same work in a database of its own, until all is "
        "settled, and a comparison of the bank's records with the ledger; exit code 0 means that "
        "all is settled and they agree. --verbosity 2 shows what the processes log."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="do the work, and exit")
        parser.add_argument("--seed", type=int, default=1, help="which calls fail how (default: 1)")
        parser.add_argument("--invoices", type=Path, help="CSV or JSON lines to pay instead")
        parser.add_argument(
            "--port", type=_port, default=8000, help="of the web server (default: 8000)"
        )
        parser.add_argument(
            "--time-limit",
            type=_seconds,
            default=300,
            help="seconds after which --no-serve gives up (default: 300)",
        )
        parser.add_argument(
            "--database-is-mine",
            action="store_true",
            help="use the server of DATABASE_URL, which is there for nothing else",
        )

    def check(self, *arguments: Any, **options: Any) -> None:
        """Check, but for what is so on purpose: the webhook that can't be looked up."""
        settings.SILENCED_SYSTEM_CHECKS = [*settings.SILENCED_SYSTEM_CHECKS, "workflows_app.I001"]
        super().check(*arguments, **options)

    def handle(self, **options: Any) -> None:
        path: Path = (options["invoices"] or BUNDLED).resolve()
        if not path.is_file():
            raise CommandError(f"There is no file {options['invoices']}.")
        try:
            file = InvoiceFile.read(path)
            _require_own_database(is_mine=options["database_is_mine"])
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
            tell=self._tell,
        ).serve()

    def _work_apart(self, path: Path, file: InvoiceFile, options: dict[str, Any]) -> None:
        self._tell(
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
            self._tell("Stopped before all was done.")
            code = ERROR
        if options["verbosity"] < 2 and places.last_log().exists():
            self._tell(f"What the processes logged: {places.last_log()}")
        raise SystemExit(code)

    def _work(self, run: str, path: Path, file: InvoiceFile, options: dict[str, Any]) -> None:
        result = UnattendedRun(
            name=run,
            path=path,
            file=file,
            seed=options["seed"],
            time_limit=options["time_limit"],
            is_logged=options["verbosity"] < 2,
            tell=self._tell,
        ).work()
        self._tell_result(result, options["time_limit"])
        if result.summary.disagreements or result.summary.open or not result.in_time:
            raise SystemExit(1)

    def _tell_result(self, result: Result, time_limit: int) -> None:
        summary = result.summary
        how = "Settled" if result.in_time else f"The time limit of {time_limit} s was reached"
        self._tell(f"\n{how} after {result.seconds:.0f} s, with {result.decisions} decisions.\n\n")
        self._tell("\n".join(summary.lines))
        for item in summary.open:
            self._tell(f"STILL OPEN: {item}")
        for disagreement in summary.disagreements:
            self._tell(f"DISAGREEMENT: {disagreement}")
        if not summary.disagreements:
            so_far = " so far" if summary.open else ", to the last payment"
            self._tell(f"\nBank and ledger agree{so_far}.")

    def _tell(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _require_own_database(*, is_mine: bool) -> None:
    """Refuse a database that may be somebody's, as on the machine of a team."""
    engine: str = connection.settings_dict["ENGINE"]
    if not is_mine and not engine.endswith("embedded_postgres"):
        raise CommandError(
            "The demo fills its database, and this is not the embedded one. Leave DATABASE_URL out, or"
            " say --database-is-mine if nobody needs what is in it."
        )


def _port(text: str) -> int:
    return _whole_number(text, 1, 65535)


def _seconds(text: str) -> int:
    return _whole_number(text, 1, 86_400)


def _whole_number(text: str, lowest: int, highest: int) -> int:
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise argparse.ArgumentTypeError(f"{text!r} is not between {lowest} and {highest}")
    return int(text)
