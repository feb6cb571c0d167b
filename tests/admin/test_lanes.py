"""Lanes on the pages of workflows, handlers, events and runs: which are held, by what, since when (P2, P8)."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.admin.addresses import HOME, opened, page_of, text_of
from tests.models.rows import NOON, Rows, update
from workflows_app.models import Handler, LaneState

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(db: None) -> Rows:
    return Rows()


def test_of_more_than_a_hundred_held_lanes_the_number_is_told(rows: Rows, viewer: Client) -> None:
    failed = {"owes_retry": True, "failure_message": "no such account", "ended_at": NOON}
    for number in range(103):
        rows.run("failed", lane=f"lane {number:03}", **failed)

    text = text_of(viewer, page_of(rows.workflow))

    assert "103 of 103 lanes are held." in text
    assert text.count("no such account") == 100
    assert "And 3 more." in text


def test_a_handler_lists_a_hundred_lanes_at_most(rows: Rows, viewer: Client) -> None:
    LaneState.objects.bulk_create(
        LaneState(handler=rows.handler, lane=f"lane {number}") for number in range(101)
    )
    text = text_of(viewer, page_of(rows.handler))
    assert text.count("when an event arrives") == 100
    assert "And more lanes than are shown." in text


@pytest.mark.parametrize(
    ("lanes", "is_paused", "told"),
    [
        ("a", False, "1 of 1 lane is held. Lane "),
        ("ab", False, "1 of 2 lanes is held. The others go on."),
        ("ab", True, "1 of 2 lanes is held. The workflow is paused: nothing new begins in the others."),
    ],
)  # fmt: skip
def test_the_lanes_that_are_not_held_go_on_if_there_are_any_and_they_may(
    rows: Rows, viewer: Client, lanes: str, is_paused: bool, told: str
) -> None:
    rows.run("blocked", lane="a")
    for lane in lanes:
        rows.event(lane=lane)
    if is_paused:
        rows.workflow.pause()
        rows.workflow.save()
    assert told in text_of(viewer, page_of(rows.workflow))


@pytest.mark.parametrize(("status", "told"), [("open", "one is tried after"), ("closed", "calls go out when")])  # fmt: skip
def test_while_the_workflow_is_paused_no_call_is_tried(
    rows: Rows, operator: Client, status: str, told: str
) -> None:
    breaker = rows.breaker(status)
    breaker.unknowns = 1
    breaker.save()
    mutation = rows.mutation(rows.run("blocked"), "indeterminate")
    mutation.evidence.create(kind="execute", verdict="unknown")
    rows.workflow.pause()
    rows.workflow.save()

    assert told in text_of(operator, page_of(breaker))
    if status == "open":
        trial = "1 unknown outcome in a row; one call is tried after a person resumes the workflow"
        assert trial in text_of(operator, HOME)
        dialog = opened(operator, "close_breaker", breaker)
        assert "The workflow is paused: calls go out when somebody resumes it." in dialog


def test_a_producer_that_fails_each_time_says_so(rows: Rows, viewer: Client) -> None:
    producer = Handler.objects.create(workflow=rows.workflow, name="Import", kind="producer")
    LaneState.objects.create(handler=producer, lane=producer.own_lane, wake_at=NOON, failures=7)
    poll = rows.run("failed", failure_kind="logic", ended_at=NOON)
    update(poll, handler_id=producer.pk)

    for row in (producer, rows.workflow):
        assert "its last 7 polls failed" in text_of(viewer, page_of(row))
    told = text_of(viewer, page_of(poll))
    assert "The producer looks again by itself." in told
    assert "Nothing is owed" not in told


@pytest.mark.parametrize(
    ("is_paused", "told"),
    [(False, "it is in line"), (True, "when a person resumes the workflow")],
)
def test_a_free_lane_with_an_event_that_is_next_is_in_line(
    rows: Rows, viewer: Client, is_paused: bool, told: str
) -> None:
    state = rows.lane("a")
    state.oldest_pending = rows.event(lane="a").pk
    state.save()
    if is_paused:
        rows.workflow.pause()
        rows.workflow.save()
    text = text_of(viewer, page_of(rows.handler))
    assert f"event {state.oldest_pending} {told}" in text
