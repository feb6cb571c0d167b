"""When a producer is due."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Never, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, croniter
from django.utils import timezone

from workflows_app.conf import LARGEST_NUMBER
from workflows_app.errors import DefinitionError, WrongReturn
from workflows_app.sdk.raised import is_for_caller

#: How far from now a date may be.
LONGEST = timedelta(seconds=LARGEST_NUMBER)


def require_time_zone(name: object, *, who: str) -> None:
    """Raise DefinitionError unless `name` is empty or that of a time zone."""
    try:
        if not isinstance(name, str):
            raise ValueError
        if name:
            ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise DefinitionError(
            f"{who}: time_zone must be a name as 'Europe/Berlin', not {name!r}."
        ) from None


class Schedule(Protocol):
    """What a producer's `schedule` must be able to tell."""

    def first_at(self, now: datetime) -> datetime:
        """Return when a producer that never ran is due."""

    def next_after(self, now: datetime) -> datetime:
        """Return when a producer that ran at `now` is due again."""


def first_due(schedule: Schedule, now: datetime) -> datetime:
    """Ask a schedule, which may be an author's own. Raises WrongReturn, and whatever it raises."""
    return _checked(schedule, "first_at", schedule.first_at(now), now)


def due_after(schedule: Schedule, now: datetime) -> datetime:
    """Ask a schedule, which may be an author's own. Raises WrongReturn, and whatever it raises."""
    return _checked(schedule, "next_after", schedule.next_after(now), now)


def _checked(schedule: Schedule, method: str, due_at: datetime, now: datetime) -> datetime:
    is_aware = isinstance(due_at, datetime) and due_at.tzinfo is not None
    if not is_aware or due_at - now > LONGEST:
        who = f"{type(schedule).__name__}.{method}: what it returns"
        wanted = f"a datetime with a time zone, {LONGEST.days:,} days from now at most"
        raise WrongReturn(who, wanted, due_at)
    return due_at


def due_after_if_known(schedule: Schedule, now: datetime) -> datetime | None:
    """Ask a schedule where nobody could be told of its errors: None in place of them."""
    try:
        return due_after(schedule, now)
    except BaseException as error:
        if is_for_caller(error):
            raise
        return None


@dataclass(frozen=True, init=False)
class Every:
    """Due at once, then again this long after each run. What was missed meanwhile is one run."""

    interval: timedelta

    def __init__(
        self,
        *without_unit: Never,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> None:
        if without_unit:
            raise DefinitionError(
                f"Every() needs the name of the unit, as Every(minutes=5), not {without_unit[0]!r:.100}."
            )
        units = {"days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
        for name, number in units.items():
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise DefinitionError(
                    f"Every(): {name} must be a number, as Every({name}=5), not {number!r:.100}."
                )
            # Also of what is no number, or none that is finite.
            if not abs(number) <= LARGEST_NUMBER:
                raise DefinitionError(
                    f"Every(): {name} must be {LARGEST_NUMBER:,} at most, not {number!r:.100}."
                )
        interval = timedelta(**units)
        if interval < timedelta(seconds=1):
            raise DefinitionError(f"Every() needs an interval of a second or more, not {interval}.")
        if interval > LONGEST:
            raise DefinitionError(f"Every() needs an interval of {LONGEST.days:,} days at most.")
        object.__setattr__(self, "interval", interval)

    def first_at(self, now: datetime) -> datetime:
        return now

    def next_after(self, now: datetime) -> datetime:
        return now + self.interval


@dataclass(frozen=True)
class Cron:
    """Due at the times of a cron expression of five fields, by the clock of the workflow's time zone.

    On the day when clocks go back, an hour comes twice: an expression that names its hours is due once,
    at the first one; with `*` as its hour it is due in both. What is due in the hour that is left out when
    clocks go forward is due at its end.
    """

    expression: str
    #: As "Europe/Berlin". Empty: that of the workflow, which is the project's unless it says another.
    time_zone: str = ""

    def __post_init__(self) -> None:
        fields = self.expression.split() if isinstance(self.expression, str) else []
        # By R the parser finds another moment each time that it is asked. No name in a field begins so.
        is_by_chance = any(field.lower().startswith("r") for field in fields)
        if len(fields) != 5 or is_by_chance or not croniter.is_valid(self.expression):
            raise DefinitionError(
                f"Cron() needs five valid cron fields, as '30 6 * * mon-fri', not {self.expression!r:.100}."
            )
        require_time_zone(self.time_zone, who="Cron()")
        try:
            self.next_after(datetime.now(UTC))
        except CroniterBadDateError:
            raise DefinitionError(
                f"Cron({self.expression!r}) names a day that never comes."
            ) from None

    def first_at(self, now: datetime) -> datetime:
        return self.next_after(now)

    def next_after(self, now: datetime) -> datetime:
        zone = ZoneInfo(self.time_zone) if self.time_zone else timezone.get_default_timezone()
        due: datetime = croniter(self.expression, timezone.localtime(now, zone)).get_next(datetime)
        while self._names_its_hours and _comes_again(due, zone):
            due = croniter(self.expression, due).get_next(datetime)
        return due

    def in_zone(self, name: str) -> Cron:
        """Return this schedule in the time zone of its workflow, unless it says one of its own."""
        return self if self.time_zone else replace(self, time_zone=name)

    @property
    def _names_its_hours(self) -> bool:
        return not self.expression.split()[1].startswith("*")


def _comes_again(moment: datetime, zone: tzinfo) -> bool:
    """Tell whether the clock has shown this time before, since it went back."""
    first = moment.replace(tzinfo=zone, fold=0)
    return first.utcoffset() != moment.utcoffset()
