"""The database's clock: what two processes compare is read from it alone. And machines that have another."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, models

#: How long what a worker saw of a clock is news: workers look again more often.
SEEN_LATELY = timedelta(minutes=20)


class MachineClock(models.Model):
    """A machine whose clock differs from the database's, as a worker there saw. Bookkeeping, no history.

    It has no row while the clocks agree. One that no worker has renewed for long is cleared away.
    """

    machine = models.CharField(max_length=255, unique=True)
    #: Below zero if it is behind.
    seconds_ahead = models.FloatField()
    #: By the database's clock.
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"clock of {self.machine}"


def database_now() -> datetime:
    """Return the time by the database's clock. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    now: datetime = row[0]
    return now
