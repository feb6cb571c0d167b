"""When a producer is due: intervals, and cron fields in the project's time zone, summer time and all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from workflows_app.sdk import Cron, Every

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def due(cron: Cron, start: str, times: int) -> list[str]:
    """Return the next `times` moments after `start`, in the project's time zone."""
    now = moment(start)
    found = []
    for _ in range(times):
        now = cron.next_after(now)
        found.append(now.isoformat(timespec="minutes"))
    return found


def test_every_is_due_at_once_then_after_each_interval() -> None:
    every = Every(days=1, hours=2, minutes=3, seconds=4.5)

    assert every.interval == timedelta(days=1, hours=2, minutes=3, seconds=4.5)
    assert every.first_at(NOON) == NOON
    assert every.next_after(NOON) == NOON + every.interval
    assert Every(minutes=60) == Every(hours=1)
    assert Every(seconds=1).interval == timedelta(seconds=1)


def test_cron_waits_for_its_first_time() -> None:
    cron = Cron("*/5 * * * *")

    assert cron.first_at(NOON) == cron.next_after(NOON) == NOON + timedelta(minutes=5)
    assert cron.next_after(NOON - timedelta(seconds=1)) == NOON


def test_cron_waits_years_for_a_rare_day() -> None:
    assert due(Cron("0 0 29 2 *"), "2026-01-01T00:00+00:00", 2) == [
        "2028-02-29T00:00+00:00",
        "2032-02-29T00:00+00:00",
    ]


def test_cron_means_the_time_zone_of_the_project(settings: Settings) -> None:
    settings.TIME_ZONE = "Asia/Kolkata"

    with timezone.override("America/New_York"):
        assert due(Cron("0 9 * * *"), "2026-01-01T12:00+00:00", 1) == ["2026-01-02T09:00+05:30"]


@pytest.mark.parametrize(
    ("expression", "start", "expected"),
    [
        # The clock goes from 02:00 to 03:00: what is due in between is due at 03:00.
        ("30 2 * * *", "2026-03-28T12:00+01:00",
         ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
        ("0 * * * *", "2026-03-29T00:30+01:00",
         ["2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"]),
        # The clock goes from 03:00 back to 02:00: one that names its hours is due once, also if it is late.
        ("30 2 * * *", "2026-10-24T12:00+02:00",
         ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
        ("30 2 * * *", "2026-10-25T02:10+01:00", ["2026-10-26T02:30+01:00"]),
        ("*/30 1-2 * * *", "2026-10-25T02:05+02:00",
         ["2026-10-25T02:30+02:00", "2026-10-26T01:00+01:00"]),
        ("0 */2 * * *", "2026-10-25T01:30+02:00",
         ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T04:00+01:00"]),
        ("0 * * * *", "2026-10-25T01:30+02:00",
         ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"]),
        ("0 9 * * *", "2026-10-24T12:00+02:00", ["2026-10-25T09:00+01:00"]),
    ],
)  # fmt: skip
def test_cron_goes_along_with_summer_time(
    settings: Settings, expression: str, start: str, expected: list[str]
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"

    assert due(Cron(expression), start, len(expected)) == expected


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("expression", ["*/20 * * * *", "30 2 * * *", "15 1 * * 0"])
def test_cron_always_moves_forward_over_a_year_of_clock_changes(
    settings: Settings, zone: str, expression: str
) -> None:
    settings.TIME_ZONE = zone
    cron = Cron(expression)

    for change in ("2026-03-07T20:00+00:00", "2026-04-04T08:00+00:00", "2026-10-24T18:00+00:00"):
        now = moment(change)
        for _ in range(40):
            # In UTC: within one zone Python compares what the clocks on the wall show.
            later = cron.next_after(now).astimezone(UTC)
            assert later > now
            now = later


def test_without_time_zones_a_schedule_can_be_declared_so_that_the_check_can_tell(
    settings: Settings,
) -> None:
    settings.USE_TZ = False
    assert Cron("0 6 * * *").expression == "0 6 * * *"
