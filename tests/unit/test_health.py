"""How the workflows do: each in one word, those that need somebody first, in five queries for all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.models.rows import Rows
from workflows_app.models import Breaker, Event, Handler, Lease, Reservation, Run, Topic
from workflows_app.queries.health import (
    STATES,
    Backlog,
    WorkflowHealth,
    topics_with_pending,
    workflow_health,
)
from workflows_app.queries.throughput import hours_since

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def health_of(slug: str = "pay") -> WorkflowHealth:
    (found,) = [each for each in workflow_health(now=NOW) if each.workflow.slug == slug]
    return found


def pause(rows: Rows) -> None:
    rows.workflow.pause()
    rows.workflow.save()


def wait_in_vain(rows: Rows) -> None:
    rows.event()
    Lease.objects.create(workflow=rows.workflow, next_due_at=NOW - timedelta(minutes=2))


SITUATIONS: dict[str, list[Callable[[Rows], Run | Event | None]]] = {
    "blocked": [lambda rows: rows.run("blocked")],
    "failed": [lambda rows: rows.run("failed", owes_retry=True)],
    "backing off": [lambda rows: rows.run("failed", owes_retry=True, retry_due_at=NOW)],
    "no worker": [wait_in_vain],
    "paused": [pause],
    "reconciling": [lambda rows: rows.run("reconciling")],
    "working": [lambda rows: rows.run("active"), lambda rows: rows.event()],
    "idle": [
        lambda rows: None,
        lambda rows: rows.run("committed"),
        lambda rows: rows.run("failed"),
        lambda rows: rows.event("consumed"),
    ],
}
CASES = [
    pytest.param(state, happens, id=f"{state} {number}")
    for state, situations in SITUATIONS.items()
    for number, happens in enumerate(situations)
]


@pytest.mark.parametrize(("state", "happens"), CASES)
def test_a_workflow_is_in_one_of_these_states(
    rows: Rows, state: str, happens: Callable[[Rows], object]
) -> None:
    happens(rows)

    assert health_of().state == state


@pytest.mark.parametrize("state", ["blocked", "failed", "backing off", "reconciling"])
def test_a_paused_workflow_still_says_what_needs_somebody(rows: Rows, state: str) -> None:
    pause(rows)
    SITUATIONS[state][0](rows)

    assert health_of().state == state


def test_those_that_need_somebody_come_first(db: None) -> None:
    for number, state in enumerate(reversed(STATES)):
        SITUATIONS[state][0](Rows(f"w{number}"))
    Rows("a-second-idle-one")

    found = workflow_health(now=NOW)

    assert [each.state for each in found] == [*STATES, "idle"]
    assert [each.workflow.slug for each in found][-2:] == ["a-second-idle-one", "w0"]


def test_the_run_shown_is_that_of_the_worst_lane(rows: Rows) -> None:
    rows.run("committed")
    assert health_of().worst_run is None

    rows.run("reconciling", lane="a")
    run = rows.run("blocked", lane="b")
    rows.run("failed", owes_retry=True, lane="c")
    rows.run("blocked", lane="d")

    assert health_of().worst_run == run
    assert health_of().state == "blocked"


def test_the_backlog_counts_what_is_taken_apart_from_what_nobody_takes(rows: Rows) -> None:
    assert health_of().backlog == Backlog(pending=0, orphaned=0, oldest_pending_at=None, lanes=0)
    nobody = Topic.objects.create(workflow=rows.workflow, name="invoice.paid")
    Event.objects.create(topic=nobody, message_id="1", payload={})
    oldest, _ = rows.event(), rows.event()
    rows.event("skipped")
    rows.event("reserved", reserved_by=rows.run())

    assert health_of().backlog == Backlog(
        pending=2, orphaned=1, oldest_pending_at=oldest.created_at, lanes=1
    )


def test_held_lanes_are_counted_by_what_holds_them(rows: Rows) -> None:
    for lane in ("a", "b"):
        rows.run("blocked", lane=lane, started_at=NOW - timedelta(hours=2))
    rows.run("reconciling", lane="c", started_at=NOW)
    rows.run("failed", owes_retry=True, lane="d", ended_at=NOW - timedelta(hours=3))
    rows.run("failed", owes_retry=True, retry_due_at=NOW, lane="e", ended_at=NOW)
    rows.run("crashed", owes_retry=True, retry_due_at=NOW, lane="f", ended_at=NOW)
    rows.run("active", lane="g", started_at=NOW - timedelta(hours=9))
    rows.run("committed", lane="h")
    for lane in ("a", "a", "f", "g", "free", None):
        rows.event(lane=lane)
    Rows("other").event(lane="a")

    found = health_of()

    assert found.state == "blocked"
    assert list(found.held.by_what.items()) == [
        ("blocked", 2),
        ("failed", 1),
        ("backing off", 2),
        ("reconciling", 1),
    ]
    # All but the one with the committed run, and the free one.
    assert (found.held.number, found.lanes_with_work) == (6, 8)
    assert found.held.since == NOW - timedelta(hours=3)
    assert (found.held.waiting_behind, found.backlog.pending) == (3, 6)


def test_in_a_held_lane_waits_only_what_some_consumer_takes(rows: Rows) -> None:
    rows.run("blocked", lane="a")
    nobody = Topic.objects.create(workflow=rows.workflow, name="invoice.paid")
    Event.objects.create(topic=nobody, message_id="1", payload={}, lane="a")
    rows.event(lane="a")

    assert health_of().held.waiting_behind == 1


def test_what_a_failed_run_is_about_does_not_wait_behind_it(rows: Rows) -> None:
    failed = rows.run("failed", owes_retry=True, lane="a")
    own, _behind = rows.event(lane="a"), rows.event(lane="a")
    Reservation.objects.create(run=failed, event=own)

    assert (health_of().held.waiting_behind, health_of().backlog.pending) == (1, 2)


def test_a_run_counts_once_in_the_hour_in_which_it_ended(rows: Rows) -> None:
    """Its history has rows of later hours: a retry, a decision."""
    run = rows.run("failed", ended_at=NOW - timedelta(hours=2), owes_retry=True)
    run.owes_retry = False
    run.save()
    assert run.history.count() == 2

    since = (NOW - timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    hours = hours_since(since, now=NOW)
    assert [hour.failed for hour in hours] == [0, 1, 0, 0]


def test_open_breakers_are_told(rows: Rows) -> None:
    breaker = Breaker.objects.create(handler=rows.handler, unknowns=4)
    assert health_of().breakers == []

    breaker.open(now=NOW, trial_at=NOW)
    breaker.save()
    other = Handler.objects.create(workflow=rows.workflow, name="Refund", kind="consumer")
    later = Breaker(handler=other, unknowns=4)
    later.open(now=NOW + timedelta(minutes=1), trial_at=NOW)
    later.save()

    assert health_of().breakers == [breaker, later]
    assert health_of().state == "idle"


def test_what_nobody_takes_keeps_nobody_working(rows: Rows) -> None:
    nobody = Topic.objects.create(workflow=rows.workflow, name="invoice.paid")
    Event.objects.create(topic=nobody, message_id="1", payload={})

    assert health_of().state == "idle"
    assert health_of().backlog == Backlog(pending=0, orphaned=1, oldest_pending_at=None)


@pytest.mark.parametrize(
    ("late", "holder", "lives", "is_overdue"),
    [
        (timedelta(seconds=61), "", None, True),
        (timedelta(seconds=60), "", None, False),
        (timedelta(hours=1), "worker", timedelta(hours=1), False),
        (timedelta(hours=1), "worker", -timedelta(seconds=1), True),
        (None, "", None, False),
    ],
)
def test_what_is_due_for_a_minute_and_found_no_worker_is_overdue(
    rows: Rows, late: timedelta | None, holder: str, lives: timedelta | None, is_overdue: bool
) -> None:
    due_at = NOW - late if late else None
    expires_at = timezone.now() + lives if lives else None
    Lease.objects.create(
        workflow=rows.workflow, holder=holder, expires_at=expires_at, next_due_at=due_at
    )

    assert health_of().overdue_since == (due_at if is_overdue else None)


def test_five_queries_are_enough_for_any_number_of_workflows(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        rows = Rows(f"w{number}")
        rows.workflow.active_version = rows.version
        rows.workflow.save()
        rows.event()
        for lane in range(3):
            rows.run("blocked", lane=f"lane {lane}")
        Breaker.objects.create(handler=rows.handler, status="open", trial_at=NOW)
        Lease.objects.create(workflow=rows.workflow)

    with django_assert_num_queries(5):
        shown = {
            (
                str(each.workflow.active_version),
                each.worst_run and each.worst_run.handler.name,
                *(breaker.handler.name for breaker in each.breakers),
            )
            for each in workflow_health(now=NOW)
        }

    assert shown == {("1.0", "Pay", "Pay")}


def test_topics_are_listed_with_the_number_of_their_pending_events(
    rows: Rows, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Topic.objects.create(workflow=rows.workflow, name="invoice.paid")
    Rows("other").event()
    rows.event()
    rows.event()
    rows.event("consumed")

    with django_assert_num_queries(1):
        found = [(topic.name, topic.pending) for topic in topics_with_pending(rows.workflow)]

    assert found == [("invoice.paid", 0), ("invoice.received", 2)]
