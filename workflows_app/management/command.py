"""The base of all commands: a database that is away, or not migrated, is told in one line."""

from __future__ import annotations

from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from procrastinate.exceptions import ConnectorException

from workflows_app.outages import outage_of, said_by_driver, sqlstate_of

#: How Django, the queue and the driver say that the database is away.
DATABASE_ERRORS = (Error, ConnectorException, psycopg.Error)
#: A table, a column or a function is missing.
_MISSING = ("42P01", "42703", "42883")


class Command(BaseCommand):
    """Ends with exit code 1 if the database is away, or not migrated."""

    #: What that leaves, and what to do, in a sentence.
    if_away = "Nothing was changed."

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DATABASE_ERRORS as error:
            raise unless_away(error, self.if_away) from error


def unless_away(error: Exception, what_now: str) -> CommandError:
    """Return the error that a command ends with.

    Raises `error` itself if it neither is an outage nor comes of migrations that were not applied.
    """
    outage = outage_of(error)
    if outage is not None:
        return CommandError(f"{outage.value} {what_now} ({said_by_driver(error)})")
    if lacks_migrations(error):
        return CommandError(
            "The database is not migrated to this version: run `manage.py migrate`."
        )
    raise error


def lacks_migrations(error: Exception) -> bool:
    """Tell whether `error` misses something in a database to which migrations are still to be applied."""
    if sqlstate_of(error) not in _MISSING:
        return False
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
