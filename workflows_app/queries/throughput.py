"""What was done lately, hour by hour: read from the history, which has an index on its dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone

from workflows_app.models import Handler, Run

HOURS = 24


@dataclass(frozen=True)
class Hour:
    """How many runs of consumers ended in one hour."""

    starts_at: datetime
    done: int
    failed: int


def hourly_throughput(*, now: datetime) -> list[Hour]:
    """Return the last 24 hours, the current one last, in the current time zone. One query."""
    current = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    # In UTC, where every hour is followed by the next one.
    since = current.astimezone(UTC) - timedelta(hours=HOURS - 1)
    hours = [since + timedelta(hours=number) for number in range(HOURS)]
    rows = (
        Run.history.model.objects.filter(
            history_date__gte=since,
            ended_at__gte=since,
            status__in=[Run.Status.COMMITTED, Run.Status.FAILED],
            handler__in=Handler.objects.filter(kind=Handler.Kind.CONSUMER),
        )
        .order_by()
        .values_list(TruncHour("ended_at"), "status")
        .annotate(number=Count("id", distinct=True))
    )
    ended = {(hour, status): number for hour, status, number in rows}
    return [
        Hour(
            starts_at=timezone.localtime(hour),
            done=ended.get((hour, Run.Status.COMMITTED.value), 0),
            failed=ended.get((hour, Run.Status.FAILED.value), 0),
        )
        for hour in hours
    ]
