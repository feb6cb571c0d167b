"""A pending event says what it waits for, in one sentence, whatever that is (P2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from tests.models.rows import NOON, Rows
from tests.scenes import Scene
from workflows_app.models import Arrival, Event
from workflows_app.queries.waiting import why_pending

pytestmark = pytest.mark.django_db

MEANWHILE = "Nothing else of the workflow starts meanwhile."


def as_a_page_loads_it(event: Event) -> Event:
    related = ("topic__workflow", "topic__consumer")
    return Event.objects.select_related(*related).get(pk=event.pk)


def test_an_event_that_nobody_holds_up_is_in_line(rows: Rows) -> None:
    assert why_pending(rows.event()) == (
        "It is in line for Pay: the oldest pending events go first."
    )


def test_an_event_in_line_stays_so_while_another_is_worked_on(rows: Rows) -> None:
    rows.run("active")

    assert why_pending(rows.event()) == (
        "It is in line for Pay: the oldest pending events go first."
    )


def test_an_event_of_a_topic_that_nobody_takes_waits_for_a_version(rows: Rows) -> None:
    rows.topic.consumer = None
    rows.topic.save()
    rows.run("blocked")

    assert why_pending(rows.event()) == (
        "No consumer of the active version takes events of topic invoice.received. It stays here"
        " until a version does."
    )


def test_an_event_behind_a_blocked_run_waits_for_a_person(rows: Rows) -> None:
    run = rows.run("blocked")

    assert why_pending(rows.event()) == (
        f"Run {run.pk} of its workflow is blocked and waits for a person. {MEANWHILE}"
    )


def test_an_event_behind_an_unknown_outcome_waits_for_the_host_to_find_out(rows: Rows) -> None:
    run = rows.run("reconciling")

    assert why_pending(rows.event()) == (
        f"The host is finding out whether the outside effect of run {run.pk} happened. {MEANWHILE}"
    )


def test_an_event_behind_a_failure_waits_for_a_person_or_a_version(rows: Rows) -> None:
    run = rows.run("failed", owes_retry=True)

    assert why_pending(rows.event()) == (
        f"Run {run.pk} of its workflow failed and waits for a person or a new version. {MEANWHILE}"
    )


def test_an_event_behind_a_retry_is_told_when_in_the_time_zone_of_the_project(
    rows: Rows, settings: Settings
) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    run = rows.run(
        "failed", owes_retry=True, retry_due_at=datetime(2026, 1, 1, 3, 4, 5, tzinfo=UTC)
    )

    assert why_pending(rows.event()) == (
        f"Run {run.pk} of its workflow failed; it is tried again at 12:04:05. {MEANWHILE}"
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
        (NOON, "when another event arrives, at the latest on 2026-01-01 at 12:00:00."),
    ],
)
def test_an_event_that_was_left_lying_is_looked_at_again(
    rows: Rows, wake_at: datetime | None, when: str
) -> None:
    rows.handler.awaits_event = True
    rows.handler.wake_at = wake_at
    rows.handler.save()
    event = rows.event()

    assert why_pending(as_a_page_loads_it(event)) == (
        f"Pay looked at it and took nothing. It looks again {when}"
    )

    Arrival.objects.create(topic=rows.topic, transaction="1")
    assert why_pending(as_a_page_loads_it(event)) == (
        "It is in line for Pay: the oldest pending events go first."
    )


def test_what_holds_up_the_workflow_is_told_before_that_it_is_paused(rows: Rows) -> None:
    rows.workflow.pause()
    rows.workflow.save()
    run = rows.run("blocked")

    assert why_pending(rows.event()) == (
        f"Run {run.pk} of its workflow is blocked and waits for a person. {MEANWHILE}"
        " It is paused as well, until a person resumes it."
    )


def test_another_workflow_s_trouble_holds_up_nothing(rows: Rows) -> None:
    other = Rows("other")
    other.run("blocked")
    other.run("failed", owes_retry=True)

    assert why_pending(rows.event()).startswith("It is in line for Pay")


def test_the_answer_takes_three_queries_at_most(
    rows: Rows, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows.handler.awaits_event = True
    rows.handler.save()
    event = as_a_page_loads_it(rows.event())

    with django_assert_max_num_queries(3):
        why_pending(event)


@pytest.mark.parametrize(
    ("outcome", "holds"),
    [
        ("lost", "is blocked and waits for a person."),
        ("rejected", "failed and waits for a person or a new version."),
        ("refused", "failed; it is tried again at "),
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
