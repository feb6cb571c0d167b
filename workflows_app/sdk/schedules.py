"""When a producer is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from croniter import CroniterBadDateError, croniter
from django.utils import timezone

from workflows_app.errors import DefinitionError


class Schedule(Protocol):
    """What a producer's `schedule` must be able to tell."""

    def first_at(self, now: datetime) -> datetime:
        """Return when a producer that never ran is due."""

    def next_after(self, now: datetime) -> datetime:
        """Return when a producer that ran at `now` is due again."""


@dataclass(frozen=True, init=False)
class Every:
    """Due at once, then again this long after each run. What was missed meanwhile is one run."""

    interval: timedelta

    def __init__(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> None:
        interval = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if interval < timedelta(seconds=1):
            raise DefinitionError(f"Every() needs an interval of a second or more, not {interval}.")
        object.__setattr__(self, "interval", interval)

    def first_at(self, now: datetime) -> datetime:
        return now

    def next_after(self, now: datetime) -> datetime:
        return now + self.interval


@dataclass(frozen=True)
class Cron:
    """Due at the times of a cron expression of five fields, in the project's time zone."""

    expression: str

    def __post_init__(self) -> None:
        fields = self.expression.split() if isinstance(self.expression, str) else []
        if len(fields) != 5 or not croniter.is_valid(self.expression):
            raise DefinitionError(f"Cron() needs five valid cron fields, not {self.expression!r}.")
        try:
            self.next_after(timezone.now())
        except CroniterBadDateError:
            raise DefinitionError(
                f"Cron({self.expression!r}) names a day that never comes."
            ) from None

    def first_at(self, now: datetime) -> datetime:
        return self.next_after(now)

    def next_after(self, now: datetime) -> datetime:
        local = timezone.localtime(now, timezone.get_default_timezone())
        due: datetime = croniter(self.expression, local).get_next(datetime)
        return due
