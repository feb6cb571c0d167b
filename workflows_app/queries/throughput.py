"""What was done lately, hour by hour: what ended, what stayed unknown, what people decided.

Each is read by an index on its dates, block by block: of runs, of evidence, of decisions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import timezone as fixed
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncHour
from django.utils import timezone

from workflows_app.models import Evidence, Handler, Mutation, OperatorAction, Run

HOURS_OF_A_DAY = 24
DAYS = 7
AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Span:
    """What happened in one hour, or one day, of the current time zone."""

    starts_at: datetime
    #: Runs of consumers that committed, and that failed; not those of which a person said that it did not happen.
    done: int = 0
    failed: int = 0
    #: Calls after which nobody knew whether it had happened.
    unknown: int = 0
    #: What people decided.
    decided: int = 0


def first_hour_of_week(*, now: datetime) -> datetime:
    """Return the midnight, in the current time zone, with which the last seven days begin."""
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    # Through a change of the clock: by the calendar, not by the number of hours.
    begins = (today - timedelta(days=DAYS - 1)).replace(tzinfo=None)
    return timezone.make_aware(begins)


def hours_since(since: datetime, *, now: datetime) -> list[Span]:
    """Return all hours from `since`, the beginning of one, to the current one. Three queries."""
    # In a zone one hour of the year is there twice, and equal to none: so hours are cut by an offset.
    offset = fixed(timezone.localtime(since).utcoffset() or timedelta())
    ended = _by_hour(
        Run.objects.filter(
            ended_at__gte=since,
            status__in=[Run.Status.COMMITTED, Run.Status.FAILED],
            handler__in=Handler.objects.filter(kind=Handler.Kind.CONSUMER),
        ).exclude(
            status=Run.Status.FAILED,
            mutation__status=Mutation.Status.FAILED,
            mutation__resolved_by=Mutation.ResolvedBy.OPERATOR,
        ),
        "ended_at",
        "status",
        offset,
    )
    calls = Evidence.objects.filter(
        created_at__gte=since, kind=Evidence.Kind.EXECUTE, verdict=Evidence.Verdict.UNKNOWN
    )
    unknown = _by_hour(calls, "created_at", "verdict", offset)
    actions = OperatorAction.objects.filter(created_at__gte=since).exclude(
        operation__in=OperatorAction.REMARKS
    )
    decided = _by_hour(actions, "created_at", "workflow__status", offset)
    # In UTC, where every hour is followed by the next one.
    begins = since.astimezone(UTC)
    number = int((now - begins) / AN_HOUR) + 1
    hours = [begins + AN_HOUR * each for each in range(number)]
    return [
        Span(
            starts_at=timezone.localtime(hour),
            done=ended.get((hour, Run.Status.COMMITTED.value), 0),
            failed=ended.get((hour, Run.Status.FAILED.value), 0),
            unknown=unknown.get((hour, Evidence.Verdict.UNKNOWN.value), 0),
            decided=sum(n for (at, _), n in decided.items() if at == hour),
        )
        for hour in hours
    ]


def by_day(hours: Iterable[Span]) -> list[Span]:
    """Return the days that `hours` belong to, added up."""
    days: dict[Any, list[Span]] = {}
    for hour in hours:
        days.setdefault(hour.starts_at.date(), []).append(hour)
    return [
        Span(
            starts_at=of_day[0].starts_at,
            done=sum(hour.done for hour in of_day),
            failed=sum(hour.failed for hour in of_day),
            unknown=sum(hour.unknown for hour in of_day),
            decided=sum(hour.decided for hour in of_day),
        )
        for of_day in days.values()
    ]


def _by_hour(rows: Any, at: str, kind: str, offset: tzinfo) -> dict[tuple[datetime, str], int]:
    hours = rows.order_by().values_list(TruncHour(at, tzinfo=offset), kind)
    counted = hours.annotate(number=Count("pk"))
    return {(hour, value): found for hour, value, found in counted}
