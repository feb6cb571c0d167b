"""The hours and days of the charts on the home page, when the clocks change."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from workflows_app.admin.charts import charts
from workflows_app.queries.throughput import (
    AN_HOUR,
    DAYS,
    by_day,
    first_hour_of_week,
    hours_since,
)

pytestmark = pytest.mark.django_db


def test_hours_and_days_follow_each_other_through_the_change_of_the_clock(
    scene: Callable[..., Any],
) -> None:
    scene("applied").happens()
    now = datetime(2026, 3, 29, 12, 30, tzinfo=UTC)
    with timezone.override("Europe/Berlin"):
        hours = hours_since(now.replace(minute=0) - 23 * AN_HOUR, now=now)
        since = first_hour_of_week(now=now)
        days = by_day(hours_since(since, now=now))
    assert [f"{hour.starts_at:%d %H:%M %Z}" for hour in (hours[0], hours[-1])] == [
        "28 14:00 CET",
        "29 14:00 CEST",
    ]
    labels = [f"{hour.starts_at:%H}" for hour in hours]
    assert "02" not in labels
    assert len(labels) == 24
    assert [f"{day.starts_at:%d %H:%M %Z}" for day in (days[0], days[-1])] == [
        "23 00:00 CET",
        "29 00:00 CET",
    ]
    assert len(days) == DAYS


def test_each_time_zone_has_hours_of_its_own(scene: Callable[..., Any]) -> None:
    scene("applied").happens()
    now = datetime(2026, 3, 12, 12, 30, tzinfo=UTC)

    def labels(zone: str) -> list[str]:
        with timezone.override(zone):
            day, *_ = charts([], now=now)
        found: list[str] = json.loads(day.data)["labels"]
        return found

    assert labels("Asia/Tokyo")[0] == "22:00"
    assert labels("Europe/Berlin")[0] == "14:00"
