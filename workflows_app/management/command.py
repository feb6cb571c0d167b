"""The base of all commands: however one ends, it says so in a sentence and with a code of the table.

A database that is away or not migrated, Ctrl-C, arguments that are no text, a terminal that lacks
letters, a reader that is gone: none of these ends in a traceback. What commands write is English, whatever
the site's language: scripts and logs read it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import translation
from procrastinate.exceptions import ConnectorException

from workflows_app.conf import policy
from workflows_app.errors import SettingsError
from workflows_app.management.exits import ERROR, wrong_usage
from workflows_app.management.interruption import interrupted_by_signals, is_interruption
from workflows_app.management.output import (
    Output,
    OutputLost,
    Remarks,
    discard,
    discard_if_lost,
    use_letters_of_terminal,
)
from workflows_app.outages import NOT_ALLOWED, outage_of, said_by_driver, sqlstate_of
from workflows_app.statement_limits import STOPPED, statements_limited

#: How Django, the queue and the driver say that the database is away.
DATABASE_ERRORS = (Error, ConnectorException, psycopg.Error)
#: What ends a command in the middle of its work.
CUT_SHORT = (KeyboardInterrupt, *DATABASE_ERRORS)
#: A table, a column or a function is missing.
_MISSING = ("42P01", "42703", "42883")


class Command(BaseCommand):
    """Ends with exit code 1 if the database is away or not migrated, or if it is interrupted."""

    #: What an absent database, or one that refuses, leaves, and what to do, in a sentence.
    if_away = "Nothing was changed."
    #: The same of an interruption.
    if_interrupted = "Nothing was changed."
    #: How long the database works at one statement: a name in the policy.
    statement_limit: ClassVar[str] = "command_statement_seconds"
    #: It ends in its own way on SIGTERM and a lost terminal; others do as on Ctrl-C.
    answers_signals: ClassVar[bool] = False

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as the command line asks. Exits with a code of the table in `exits`."""
        use_letters_of_terminal()
        if not self.answers_signals:
            interrupted_by_signals()
        self.stdout, self.stderr = Output(sys.stdout), Remarks(sys.stderr)
        self.stderr.style_func = self.style.ERROR
        try:
            try:
                super().run_from_argv(argv)
            finally:
                self.stdout.flush()
        except OutputLost as lost:
            self._end_unread(lost)
        except KeyboardInterrupt:
            # Before it began, or after its end.
            self.stderr.write("Interrupted.")
            sys.exit(ERROR)
        finally:
            discard_if_lost(sys.stderr)

    def _end_unread(self, lost: OutputLost) -> None:
        discard(sys.stdout)
        self.stderr.write(f"{lost} What was done stays done.")
        sys.exit(ERROR)

    def execute(self, *args: Any, **options: Any) -> str | None:
        _require_text(options)
        try:
            with (
                translation.override(None),
                statements_limited(self._statement_seconds(), everywhere=True),
            ):
                return super().execute(*args, **options)
        except CUT_SHORT as error:
            raise unless_away(
                error, self.if_away, limit=self.statement_limit, if_interrupted=self.if_interrupted
            ) from error

    def _statement_seconds(self) -> float:
        try:
            return float(getattr(policy(), self.statement_limit))
        except SettingsError:
            # The system check says what is wrong with it, and nothing is done.
            return 0.0


def _require_text(options: Mapping[str, Any]) -> None:
    """Raise CommandError if one of `options` is no text. A file's name, a `Path`, need not be."""
    for given in options.values():
        for value in given if isinstance(given, list) else [given]:
            if not isinstance(value, str):
                continue
            shown = value.encode(errors="backslashreplace").decode()
            if shown != value:
                raise wrong_usage(f"The argument '{shown}' is not valid text: give it as UTF-8.")
            if "\0" in value:
                raise wrong_usage(f"The argument {value!r} has a NUL character: leave it out.")


def unless_away(
    error: BaseException, what_now: str, *, limit: str, if_interrupted: str = ""
) -> CommandError:
    """Return the error that a command ends with: `what_now` tells what is known, and what to do.

    `if_interrupted` tells it of an interruption; `limit` is how long the database works at one statement, a
    name in the policy. Raises `error` itself if none of this fits it.
    """
    if is_interruption(error):
        return CommandError(f"Interrupted. {if_interrupted or what_now}")
    outage = outage_of(error)
    if outage is not None:
        return CommandError(f"{outage.value} {what_now} ({said_by_driver(error)})")
    if sqlstate_of(error) == STOPPED:
        return CommandError(
            f"A statement took the database too long, and was stopped. {what_now} The limit is"
            f" {limit} of the WORKFLOWS setting."
        )
    if sqlstate_of(error) == NOT_ALLOWED:
        return CommandError(
            f"This role of the database may not do that. {what_now} After each migrate its owner runs"
            f" `manage.py grant_role NAME`; `manage.py doctor` says what is missing. ({said_by_driver(error)})"
        )
    if lacks_migrations(error):
        return CommandError(
            "The database is not migrated to this version: run `manage.py migrate`."
        )
    raise error


def lacks_migrations(error: BaseException) -> bool:
    """Tell whether `error` misses something in a database to which migrations are still to be applied."""
    if sqlstate_of(error) not in _MISSING:
        return False
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
