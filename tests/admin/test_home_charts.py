"""The charts on the home page: their hours and days when the clocks change, and the oldest that is pending."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.models.rows import Rows
from workflows_app.admin.charts import charts
from workflows_app.models import Event
from workflows_app.queries.health import workflow_health
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


def test_the_hour_that_the_clocks_repeat_is_two_with_numbers_of_their_own() -> None:
    rows = Rows()
    for hour in (0, 1):
        rows.run("committed", ended_at=datetime(2026, 10, 25, hour, 30, tzinfo=UTC))
    found = []
    with timezone.override("Europe/Berlin"):
        # What is over by then is kept for the second.
        for now in (datetime(2026, 10, 25, hour, 10, tzinfo=UTC) for hour in (2, 3)):
            found = [json.loads(chart.data) for chart in charts([], now=now)[:2]]
    day, week = found
    done = dict(enumerate(zip(day["labels"], day["datasets"][0]["data"], strict=True)))
    assert list(done.values())[-5:] == [
        ("01:00", 0),
        ("02:00", 1),
        ("02:00", 1),
        ("03:00", 0),
        ("04:00", 0),
    ]
    assert week["datasets"][0]["data"] == [0] * (DAYS - 1) + [2]


def test_the_oldest_event_is_that_of_all_workflows_and_not_of_the_one_with_most() -> None:
    now = timezone.now()
    for slug, pending, minutes in (("many", 2, 5), ("old", 1, 90)):
        rows = Rows(slug)
        for _ in range(pending):
            rows.event()
        Event.objects.filter(topic=rows.topic).update(created_at=now - timedelta(minutes=minutes))
    *_, backlog = charts(workflow_health(now=now), now=now)
    assert backlog.sentence == "3 events pending, the oldest for 90 minutes. By workflow:"


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
