"""A pending event says what it waits for, in one sentence, whatever that is (P2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from tests.models.rows import NOON, Rows
from tests.scenes import Scene
from workflows_app.models import Arrival, Breaker, Event, LaneState
from workflows_app.queries.waiting import why_pending

pytestmark = pytest.mark.django_db

MEANWHILE = "Nothing else of the main lane starts meanwhile."
IN_LINE = "It is in line for Pay: the oldest pending events of a lane go first."


def as_a_page_loads_it(event: Event) -> Event:
    related = ("topic__workflow", "topic__consumer")
    return Event.objects.select_related(*related).get(pk=event.pk)


def test_an_event_that_nobody_holds_up_is_in_line(rows: Rows) -> None:
    assert why_pending(rows.event()) == IN_LINE


@pytest.mark.parametrize(
    ("status", "facts", "said"),
    [
        ("active", {}, IN_LINE),
        ("blocked", {}, f"Run # of its lane is blocked and waits for a person. {MEANWHILE}"),
        (
            "reconciling",
            {},
            f"The outside system is being asked whether the outside effect of run # happened. {MEANWHILE}",
        ),
        (
            "failed",
            {},
            f"Run # of its lane failed and waits for a person or a new version. {MEANWHILE}",
        ),
        (
            "failed",
            {"retry_due_at": NOON},
            f"Run # of its lane failed; it is tried again on 2026-01-01 at 21:00:00 JST. {MEANWHILE}",
        ),
        (
            "crashed",
            {"retry_due_at": NOON},
            "Run # of its lane ended when its worker died or hung; it is tried again on 2026-01-01 at 21:00:00 JST."
            f" {MEANWHILE}",
        ),
        (
            "failed",
            {"failure_kind": "poison"},
            "Run # of its lane failed: its worker died or hung each time. It waits for a person or a"
            f" new version. {MEANWHILE}",
        ),
    ],
)
def test_an_event_behind_a_run_is_told_what_that_waits_for(
    rows: Rows, settings: Settings, status: str, facts: dict[str, Any], said: str
) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    rows.run("blocked", lane="other")
    run = rows.run(status, owes_retry=status in ("failed", "crashed"), **facts)
    assert why_pending(rows.event()) == said.replace("#", str(run.pk))


def test_an_event_behind_two_runs_waits_for_the_one_that_needs_a_person(rows: Rows) -> None:
    rows.run("failed", owes_retry=True, retry_due_at=NOON)
    run = rows.run("blocked")

    assert why_pending(rows.event()) == (
        f"Run {run.pk} of its lane is blocked and waits for a person. {MEANWHILE}"
    )


def test_an_event_of_a_topic_that_nobody_takes_waits_for_a_version(rows: Rows) -> None:
    rows.topic.consumer = None
    rows.topic.save()
    rows.run("blocked")

    assert why_pending(rows.event()) == (
        "No consumer of the active version takes events of topic invoice.received. It stays here"
        " until a version does."
    )


def test_an_event_of_a_paused_workflow_waits_for_a_person(rows: Rows) -> None:
    rows.workflow.pause()
    rows.workflow.save()

    assert why_pending(rows.event()) == (
        "Its workflow is paused. It goes on when a person resumes it."
    )


@pytest.mark.parametrize(
    ("wake_at", "when"),
    [
        (None, "when another event arrives."),
        (NOON, "when another event arrives, at the latest on 2026-01-01 at 12:00:00 UTC."),
    ],
)
def test_an_event_that_was_left_lying_is_looked_at_again(
    rows: Rows, wake_at: datetime | None, when: str
) -> None:
    left_lying(rows, wake_at=wake_at)
    event = rows.event()

    assert why_pending(as_a_page_loads_it(event)) == (
        f"Pay looked at it and took nothing. It looks again {when}"
    )

    Arrival.objects.create(topic=rows.topic, lane="other", transaction="1")
    assert why_pending(as_a_page_loads_it(event)) != IN_LINE
    Arrival.objects.create(topic=rows.topic, lane="", transaction="1")
    assert why_pending(as_a_page_loads_it(event)) == IN_LINE


def test_what_holds_up_the_workflow_is_told_before_that_it_is_paused(rows: Rows) -> None:
    rows.workflow.pause()
    rows.workflow.save()
    run = rows.run("blocked")

    assert why_pending(rows.event()) == (
        f"Run {run.pk} of its lane is blocked and waits for a person. {MEANWHILE}"
        " The workflow is paused as well, until a person resumes it."
    )


def test_another_workflow_s_trouble_holds_up_nothing(rows: Rows) -> None:
    other = Rows("other")
    other.run("blocked")
    other.run("failed", owes_retry=True)

    assert why_pending(rows.event()).startswith("It is in line for Pay")


def test_another_lane_s_trouble_holds_up_nothing(rows: Rows) -> None:
    run = rows.run("blocked", lane="ACME")
    rows.run("failed", owes_retry=True, lane="Initech")

    assert why_pending(rows.event()) == IN_LINE
    assert why_pending(rows.event(lane="ACME")) == (
        f"Run {run.pk} of its lane is blocked and waits for a person. Nothing else of lane “ACME”"
        " starts meanwhile."
    )


def test_an_event_whose_lane_is_not_named_waits_for_the_code(rows: Rows) -> None:
    rows.run("blocked")

    assert why_pending(rows.event(lane=None)) == (
        "Its lane is not named yet: that takes a worker with the code of the active version."
    )


@pytest.mark.parametrize(
    ("status", "then"),
    [
        ("open", "The next one is tried on 2026-01-01 at 12:00:00 UTC."),
        ("half_open", "One call is being tried. If it gets an answer, the others go out again."),
    ],
)
def test_an_event_behind_an_open_breaker_waits_for_the_trial(
    rows: Rows, status: str, then: str
) -> None:
    Breaker.objects.create(handler=rows.handler, status=status, unknowns=5, trial_at=NOON)

    assert why_pending(rows.event(lane="ACME")) == (
        "The circuit breaker of Pay is open: too many calls in a row had an unknown outcome."
        f" {then}"
    )


def test_behind_a_closed_breaker_it_is_in_line(rows: Rows) -> None:
    Breaker.objects.create(handler=rows.handler, unknowns=2)

    assert why_pending(rows.event()) == IN_LINE


def test_the_answer_takes_four_queries_at_most(
    rows: Rows, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    left_lying(rows, wake_at=None)
    event = as_a_page_loads_it(rows.event())

    with django_assert_max_num_queries(4):
        why_pending(event)


def left_lying(rows: Rows, *, wake_at: datetime | None) -> None:
    """Let the consumer have looked into the main lane and taken nothing."""
    LaneState.objects.create(handler=rows.handler, lane="", arrivals_seen=1, wake_at=wake_at)


@pytest.mark.parametrize(
    ("outcome", "holds"),
    [
        ("lost", "is blocked and waits for a person."),
        ("rejected", "failed and waits for a person or a new version."),
        ("refused", "failed; it is tried again on "),
    ],
)
def test_behind_a_real_run_the_next_event_waits_for_the_same_reason(
    scene: Callable[..., Scene], outcome: str, holds: str
) -> None:
    play: Any = scene(outcome)
    play.happens("1", days=0)
    waiting = play.publish("2")
    play.run_host()

    waiting.refresh_from_db()
    assert waiting.status == "pending"
    assert holds in why_pending(waiting)
