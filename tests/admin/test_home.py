"""The home page: what needs a person, first, and in the order in which it should be looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import HOME, list_of, page_of, text_of
from tests.admin.rows import add, stage
from tests.models.rows import Rows
from workflows_app.models import Breaker, Event, Evidence, Lease, Mutation, Run, Workflow
from workflows_app.operations import pause_workflow, skip_run
from workflows_app.queries.throughput import hourly_throughput

pytestmark = pytest.mark.django_db

NOTHING = "Nothing waits for a decision."


def links_of(client: Client) -> list[str]:
    """Return the runs that the home page links to among what needs a person, in its order."""
    page = client.get(HOME).content.decode()
    section = page.split('aria-label="Needs a person"')[1].split("</section>")[0]
    return re.findall(r'href="([^"]+)"', section)


def test_before_anything_was_deployed_it_says_what_to_do(db: None, viewer: Client) -> None:
    text = text_of(viewer, HOME)
    assert NOTHING in text
    assert "No workflow was deployed yet: manage.py sync_workflows ." in text
    assert "The last 24 hours" not in text


def test_when_all_is_done_it_says_so(scene: Callable[..., Any], viewer: Client) -> None:
    scene("applied").happens()
    text = text_of(viewer, HOME)
    assert NOTHING in text
    assert "Pay the invoices idle 0" in text
    assert "1 run done, 0 failed." in text
    assert links_of(viewer) == []


def test_what_waits_stands_in_order_blocked_first(
    scene: Callable[..., Any], viewer: Client
) -> None:
    contradicted = scene("applied", slug="c-contradicted").happens("7")
    failed = scene("rejected", slug="a-failed").happens("8")
    later = scene("lost", slug="a-blocked-later").happens("9")
    earlier = scene("lost", slug="b-blocked-earlier").happens("10")
    _became_blocked(earlier, hours=5)
    _became_blocked(later, hours=1)
    Evidence.objects.create(
        mutation=contradicted.mutation, kind="late", verdict="not_applied", contradicts=True
    )

    assert links_of(viewer) == [page_of(run) for run in (earlier, later, failed, contradicted)]

    text = text_of(viewer, HOME)
    assert (
        "Did it happen? 2 runs can't go on until somebody says. Open one, look in the outside"
        " system, and decide. Pay invoice 10 scripted → the script Pay the invoices, blocked for"
        " 5\xa0hours".replace("\xa0", " ")
        in text
    )
    assert (
        "Failed, and waiting for a person or a new version: 1 Pay invoice 8 rejected by the outside"
        " system: rejected by the script" in text
    )
    assert (
        "Late answers that contradict the ledger. Check these outside: 1 Pay invoice 7 scripted the"
        " script: the late answer says “it did not happen”, the ledger “Applied”" in text
    )
    workflows = text.split("Workflows Workflow State")[1]
    states = [workflows.find(word) for word in ("blocked", "failed", "idle")]
    assert states == sorted(states)
    assert -1 not in states


def test_open_breakers_stand_before_all_else(blocked: Run, viewer: Client) -> None:
    breaker = Breaker.objects.get()
    breaker.unknowns = 5
    breaker.open(now=timezone.now() - timedelta(hours=2), trial_at=timezone.now())
    breaker.save()

    assert links_of(viewer) == [page_of(breaker), page_of(blocked)]
    text = text_of(viewer, HOME).replace("\xa0", " ")
    assert (
        "Too many unknown outcomes in a row, so no new call goes out. Look whether the outside"
        " system is there: 1 Pay 5 unknown outcomes in a row; one call is tried at " in text
    )
    assert "Pay the invoices, open for 2 hours Did it happen?" in text
    assert "Pay the invoices blocked no calls go out" in text
    assert "Open breakers Pay 5 unknown outcomes in a row" in text_of(
        viewer, page_of(blocked.workflow)
    )


def test_of_several_lanes_it_says_how_many_are_held_by_what(viewer: Client) -> None:
    rows = Rows()
    hours_ago = timezone.now() - timedelta(hours=3)
    for lane in ("a", "b"):
        rows.mutation(rows.run("blocked", lane=lane, started_at=hours_ago), "indeterminate")
    failed = {"owes_retry": True, "ended_at": timezone.now(), "retry_due_at": timezone.now()}
    rows.run("failed", lane="c", **failed)
    for lane in ("a", "b", "b", "d"):
        rows.event(lane=lane)

    text = text_of(viewer, HOME).replace("\xa0", " ")

    for lane in ("a", "b"):
        assert f"Pay, lane “{lane}”, blocked for " in text
    assert (
        "Pay blocked 3 of 4 lanes are held (2 blocked, 1 backing off), the first for 3 hours 4 the"
        " oldest for 0 minutes 3 of them behind held lanes" in text
    )


def test_of_one_lane_it_says_no_more_than_its_state(blocked: Run, viewer: Client) -> None:
    text = text_of(viewer, HOME)
    assert "held" not in text


def _became_blocked(run: Run, *, hours: int) -> None:
    """Write a newer history row of the same state: the database keeps the old ones as they are."""
    row = run.history.order_by("-history_id").values().first()
    for field in ("history_id", "history_date"):
        row.pop(field)
    Run.history.model.objects.create(history_date=timezone.now() - timedelta(hours=hours), **row)


def test_one_run_is_one_run(blocked: Run, viewer: Client) -> None:
    assert "Did it happen? 1 run can't go on until somebody says." in text_of(viewer, HOME)
    assert links_of(viewer) == [page_of(blocked)]


def test_what_was_decided_waits_no_more(
    blocked: Run, operator_user: User, operator: Client
) -> None:
    skip_run(blocked, actor=operator_user, reason="It is in the bank's list")
    assert NOTHING in text_of(operator, HOME)


def test_a_run_that_comes_back_by_itself_needs_nobody(
    scene: Callable[..., Any], viewer: Client
) -> None:
    run = scene("refused").happens(days=0)
    assert (run.status, run.owes_retry) == ("failed", True)
    text = text_of(viewer, HOME)
    assert NOTHING in text
    assert "backing off" in text


def test_more_than_fifty_are_said_to_be_more(operator_user: User, operator: Client) -> None:
    add(stage(operator_user), 50, "more")
    assert Run.objects.filter(status="blocked").count() == 51
    assert "Did it happen? 50 or more runs can't go on" in text_of(operator, HOME)
    assert len(operator.get(HOME).context["blocked"]) == 50


def test_a_workflow_that_no_worker_takes_is_shown_as_overdue(
    blocked: Run, operator_user: User, operator: Client
) -> None:
    pause_workflow(blocked.workflow, actor=operator_user, reason="for a test")
    Lease.objects.update(next_due_at=timezone.now() - timedelta(hours=3))
    text = text_of(operator, HOME).replace("\xa0", " ")
    assert "blocked paused due for 3 hours, and no worker takes it" in text


def test_pending_events_are_counted_with_the_age_of_the_oldest(
    scene: Callable[..., Any], viewer: Client
) -> None:
    play = scene("applied", "lost")
    play.happens("41")
    blocked = play.happens("42")
    for message_id in ("43", "44"):
        play.publish(message_id)
    text = text_of(viewer, HOME).replace("\xa0", " ")
    # What was paid was published in a topic that nobody takes.
    assert "blocked 2 the oldest for 0 minutes 1 more that no consumer takes Pay invoice 42" in text
    assert page_of(blocked) in links_of(viewer)
    assert Event.objects.filter(status="pending").count() == 3


def test_who_may_not_see_runs_sees_the_plain_list_of_what_they_may(blocked: Run) -> None:
    person = User.objects.create_user("eve", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_event"))
    client = Client()
    client.force_login(person)
    page = client.get(HOME)
    assert "may_view_runs" not in page.context
    assert "blocked" not in page.context
    text = text_of(client, HOME)
    assert "Needs a person" not in text
    assert "Pay invoice 42" not in text
    assert list_of(Event) in page.content.decode()
    assert list_of(Workflow) not in page.content.decode()


def test_the_chart_shows_what_ended_in_which_hour(
    scene: Callable[..., Any], viewer: Client
) -> None:
    play = scene("applied", "rejected")
    play.happens("1")
    failed = play.happens("2")
    assert failed.status == "failed"
    page = viewer.get(HOME)
    chart = json.loads(page.context["throughput"])
    assert len(chart["labels"]) == 24
    done, failures = (dataset["data"] for dataset in chart["datasets"])
    assert (sum(done), sum(failures)) == (page.context["done"], page.context["failed"]) == (1, 1)
    assert "1 run done, 1 failed. By the hour, in UTC:" in text_of(viewer, HOME)


def test_hours_follow_each_other_through_the_change_of_the_clock(
    scene: Callable[..., Any],
) -> None:
    scene("applied").happens()
    with timezone.override("Europe/Berlin"):
        hours = hourly_throughput(now=datetime(2026, 3, 29, 12, 30, tzinfo=UTC))
    assert [f"{hour.starts_at:%d %H:%M %Z}" for hour in (hours[0], hours[-1])] == [
        "28 14:00 CET",
        "29 14:00 CEST",
    ]
    labels = [f"{hour.starts_at:%H}" for hour in hours]
    assert "02" not in labels
    assert len(labels) == 24


def test_a_run_that_ended_long_ago_is_not_in_the_chart(
    scene: Callable[..., Any],
) -> None:
    scene("applied").happens()
    assert Mutation.objects.count() == 1
    now = timezone.now()
    assert sum(hour.done for hour in hourly_throughput(now=now)) == 1
    # Its history is of today, and so is its end.
    assert sum(hour.done for hour in hourly_throughput(now=now + timedelta(hours=25))) == 0
