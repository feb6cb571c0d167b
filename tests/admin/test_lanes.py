"""Lanes on the pages of workflows, handlers, events and runs: which are held, by what, since when (P2, P8)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tests.admin.addresses import page_of, text_of
from tests.models.rows import NOON, Rows
from workflows_app.models import Breaker, LaneState, Reservation

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(db: None) -> Rows:
    return Rows()


def test_a_workflow_lists_its_held_lanes_the_worst_first(rows: Rows, viewer: Client) -> None:
    failed = {"owes_retry": True, "failure_message": "no such account", "ended_at": NOON}
    began = NOON - timedelta(hours=1)
    pay_3 = rows.run("failed", lane="Initech", title="Pay 3", started_at=began, **failed)
    late = NOON + timedelta(hours=1)
    rows.mutation(rows.run("blocked", title="Pay 2", started_at=late), "indeterminate")
    rows.mutation(rows.run("blocked", title="Pay 1", lane="ACME"), "indeterminate")
    rows.run("active", title="Pay 4", lane="Globex", fencing_token=1)
    rows.run("active", title="Pay 5", lane="Umbrella")
    events = [rows.event(lane=lane) for lane in ("ACME", "ACME", "Initech", "Initech", "Hooli")]
    # What a failed run is about waits for its retry, and not behind it.
    Reservation.objects.create(run=pay_3, event=events[2])

    text = text_of(viewer, page_of(rows.workflow))

    assert (
        "Held lanes 3 of 6 lanes are held. The others go on."
        " Lane Held by Since Why Events waiting behind"
        " ACME Pay 1 blocked 2026-01-01 12:00:00 UTC 2"
        " main Pay 2 blocked 2026-01-01 13:00:00 UTC 0"
        " Initech Pay 3 failed 2026-01-01 12:00:00 UTC no such account 1" in text
    )
    assert (
        "Runs at work Pay 4 lane Globex Runs that wait for their turn Pay 5 lane Umbrella" in text
    )
    assert "more." not in text


def test_of_one_held_lane_it_speaks_of_one(rows: Rows, viewer: Client) -> None:
    rows.run("blocked", lane="ACME")
    rows.event(lane="Initech")
    assert "Held lanes 1 of 2 lanes is held." in text_of(viewer, page_of(rows.workflow))


def test_of_more_than_a_hundred_held_lanes_the_number_is_told(rows: Rows, viewer: Client) -> None:
    failed = {"owes_retry": True, "failure_message": "no such account", "ended_at": NOON}
    for number in range(103):
        rows.run("failed", lane=f"lane {number:03}", **failed)

    text = text_of(viewer, page_of(rows.workflow))

    assert "103 of 103 lanes are held." in text
    assert text.count("no such account") == 100
    assert "And 3 more." in text


def test_a_workflow_without_held_lanes_shows_none(rows: Rows, viewer: Client) -> None:
    rows.run("active")
    assert "Held lanes" not in text_of(viewer, page_of(rows.workflow))


def test_a_workflow_says_when_each_handler_runs_next(rows: Rows, viewer: Client) -> None:
    LaneState.objects.create(handler=rows.handler, lane="ACME", wake_at=NOON + timedelta(hours=1))
    assert "Handlers Pay Consumer " in text_of(viewer, page_of(rows.workflow))
    LaneState.objects.create(handler=rows.handler, lane="", wake_at=NOON)
    assert "Pay Consumer, next at 2026-01-01 12:00:00 UTC" in text_of(
        viewer, page_of(rows.workflow)
    )


def test_a_handler_lists_its_lanes_those_that_are_taken_first(rows: Rows, viewer: Client) -> None:
    event = rows.event(lane="ACME")
    LaneState.objects.create(handler=rows.handler, lane="", state={"paid": 7}, wake_at=NOON)
    LaneState.objects.create(
        handler=rows.handler, lane="ACME", is_held=True, oldest_pending=event.pk
    )

    LaneState.objects.create(handler=rows.handler, lane="Birch", oldest_pending=event.pk)

    text = text_of(viewer, page_of(rows.handler))

    # Of a lane that is taken the host only knows afterwards: the event may be the one its run has reserved.
    assert (
        "Lanes Lane Now Oldest pending event Looks again"
        " ACME taken by a run – when its run ends"
        " main free – 2026-01-01 12:00:00 UTC"
        f" Birch free event {event.pk} when an event arrives" in text
    )
    assert '"paid": 7' in text
    assert "more lanes" not in text


@pytest.mark.parametrize(
    ("status", "waits_for"),
    [
        ("open", "when one call is tried, at 2026-01-01 12:00:00 UTC ; or Send again"),
        ("half_open", "when the call that is being tried has an answer; or Send again"),
    ],
)
def test_a_free_lane_behind_an_open_breaker_says_what_it_waits_for(
    rows: Rows, viewer: Client, status: str, waits_for: str
) -> None:
    event = rows.event(lane="ACME")
    for lane, oldest, wake_at in (
        ("ACME", event.pk, None),
        ("Birch", None, NOON),
        ("Elm", None, None),
    ):
        LaneState.objects.create(
            handler=rows.handler, lane=lane, oldest_pending=oldest, wake_at=wake_at
        )
    LaneState.objects.create(handler=rows.handler, lane="Held", is_held=True)
    opened = {"unknowns": 5, "openings": 1, "opened_at": NOON, "trial_at": NOON}
    breaker = Breaker.objects.create(handler=rows.handler, status=status, **opened)

    assert (
        f" ACME free event {event.pk} {waits_for} Birch free – {waits_for} Elm free – when an event"
        " arrives" in text_of(viewer, page_of(rows.handler))
    )
    assert page_of(breaker) in viewer.get(page_of(rows.handler)).content.decode()


def test_a_handler_lists_a_hundred_lanes_at_most(rows: Rows, viewer: Client) -> None:
    LaneState.objects.bulk_create(
        LaneState(handler=rows.handler, lane=f"lane {number}") for number in range(101)
    )
    text = text_of(viewer, page_of(rows.handler))
    assert text.count("when an event arrives") == 100
    assert "And more lanes than are shown." in text


@pytest.mark.parametrize(
    ("lane", "told"), [("ACME", "Lane ACME"), ("", "Lane main"), (None, "Lane not named yet")]
)
def test_an_event_says_its_lane(rows: Rows, viewer: Client, lane: str | None, told: str) -> None:
    assert told in text_of(viewer, page_of(rows.event(lane=lane)))
