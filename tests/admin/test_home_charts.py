"""The charts of the home page: what ended, stayed unknown and was decided, by the hour and by the day."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import HOME
from workflows_app.models import Event, Mutation
from workflows_app.operations import (
    it_didnt_happen,
    pause_workflow,
    retry_failed_run,
    skip_run,
    take,
)
from workflows_app.queries.throughput import (
    AN_HOUR,
    DAYS,
    by_day,
    first_hour_of_week,
    hours_since,
)

pytestmark = pytest.mark.django_db


def test_the_charts_show_what_ended_stayed_unknown_and_was_decided(
    scene: Callable[..., Any], viewer: Client, operator_user: User
) -> None:
    play = scene(*["applied"] * 4, "rejected")
    for number in range(4):
        play.happens(f"done-{number}")
    failed = play.happens("2")
    assert failed.status == "failed"
    others = [scene("lost", slug=slug) for slug in ("other", "third", "fourth")]
    unknown = [other.happens("3") for other in others]
    for run in unknown[:2]:
        skip_run(run, actor=operator_user, reason="Paid by card")
    take(unknown[2], actor=operator_user)
    other = others[0]
    for message_id in ("4", "5"):
        other.publish(message_id)
    a_minute_ago = timezone.now() - timedelta(seconds=65)
    Event.objects.filter(status=Event.Status.PENDING).update(created_at=a_minute_ago)

    day, week, backlog = viewer.get(HOME).context["charts"]

    held, free = (each["data"] for each in json.loads(backlog.data)["datasets"])
    # What a failed run is about itself does not wait behind it.
    assert (held, free) == ([0, 0], [2, 1])
    assert backlog.sentence.startswith("3 events pending, the oldest for 1 minute.")

    for chart, columns in ((day, 24), (week, 7)):
        data = json.loads(chart.data)
        assert len(data["labels"]) == columns
        sums = {each["label"]: sum(each["data"]) for each in data["datasets"]}
        assert sums == {"done": 4, "failed attempts": 1, "unknown outcomes": 3, "decisions": 2}
        assert "4 runs done, 1 attempt failed; 3 unknown outcomes, 2 decisions." in chart.sentence

    # It failed once, though its history says so twice; and what is sent again did not fail.
    it_didnt_happen(unknown[2], actor=operator_user, reason="It is not there")
    retry_failed_run(failed, actor=operator_user, reason="The account is open again")
    pause_workflow(other.workflow, actor=operator_user, reason="Month end")
    day, *_ = viewer.get(HOME).context["charts"]
    assert "4 runs done, 1 attempt failed; 3 unknown outcomes, 5 decisions." in day.sentence


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


def test_a_run_that_ended_long_ago_is_not_in_the_chart(
    scene: Callable[..., Any],
) -> None:
    scene("applied").happens()
    assert Mutation.objects.count() == 1
    now = timezone.now()
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    assert sum(hour.done for hour in hours_since(this_hour, now=now)) == 1
    # Its history is of today, and so is its end.
    assert sum(hour.done for hour in hours_since(this_hour + AN_HOUR, now=now + AN_HOUR)) == 0
