"""The base of all commands: a database that is away is told in one line, and no traceback."""

from __future__ import annotations

from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from procrastinate.exceptions import ConnectorException

from workflows_app.outages import outage_of, said_by_driver

#: How Django, the queue and the driver say that the database is away.
DATABASE_ERRORS = (Error, ConnectorException, psycopg.Error)


class Command(BaseCommand):
    """Ends with exit code 1 if the database is away."""

    #: What that leaves, and what to do, in a sentence.
    if_away = "Nothing was changed."

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DATABASE_ERRORS as error:
            raise unless_away(error, self.if_away) from error


def unless_away(error: Exception, what_now: str) -> CommandError:
    """Return the error that a command ends with. Raises `error` itself if it is no outage."""
    outage = outage_of(error)
    if outage is None:
        raise error
    return CommandError(f"{outage.value} {what_now} ({said_by_driver(error)})")
