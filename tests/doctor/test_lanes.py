"""Lanes and breakers of which the host keeps something else in mind than is so are found (P2, P8)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.doctor.planting import Planted, Rows, found_by, plant
from tests.doctor.shop import Shop
from workflows_app.doctor import CHECKS, examine
from workflows_app.models import Arrival, Breaker, Event, LaneRefusal, LaneState
from workflows_app.operations import skip_event, skip_run

pytestmark = pytest.mark.django_db

CASES = [
    Planted(
        "D332",
        rows="rejected",
        sql=(
            "UPDATE workflows_app_run SET failure_kind = 'poison', earlier_crashes = 3"
            " WHERE id = %(run)s"
        ),
        finds=['shop: run {run} of Pay failed as poison after 4 crash(es), and waits in lane ""'],
    ),
    Planted(
        "D341",
        rows="paid",
        sql="UPDATE workflows_app_lanestate SET is_held = true WHERE id = %(lane)s",
        finds=[
            'shop: lane state {lane} of Pay in lane "" is held, but no run of the lane is open or'
            " owes a retry"
        ],
    ),
    *[
        Planted(
            "D341",
            rows=rows,
            sql="UPDATE workflows_app_lanestate SET is_held = false WHERE id = %(lane)s",
            finds=[
                'shop: lane state {lane} of Pay in lane "" is free, but a run of the lane is open'
                " or owes a retry"
            ],
        )
        for rows in ("blocked", "owing", "rejected", "reconciling")
    ],
    Planted(
        "D342",
        rows="pending",
        sql="DELETE FROM workflows_app_arrival",
        finds=['shop: handler {handler} Pay does not know that event {event} waits in lane ""'],
    ),
    Planted(
        "D342",
        rows="pending",
        sql=(
            "DELETE FROM workflows_app_arrival;"
            "UPDATE workflows_app_lanestate SET oldest_pending = %(event)s + 1 WHERE id = %(lane)s"
        ),
        finds=['shop: handler {handler} Pay does not know that event {event} waits in lane ""'],
    ),
    Planted(
        "D342",
        rows="pending",
        sql="DELETE FROM workflows_app_arrival; UPDATE workflows_app_event SET lane = 'ACME'",
        finds=['shop: handler {handler} Pay does not know that event {event} waits in lane "ACME"'],
    ),
    Planted(
        "D343",
        rows="blocked",
        sql="UPDATE workflows_app_run SET lane = 'producer:Import' WHERE id = %(run)s",
        finds=['shop: run {run} of consumer Pay is in lane "producer:Import"'],
    ),
    Planted(
        "D343",
        rows="pending",
        sql="UPDATE workflows_app_event SET lane = 'producer:Import'",
        finds=['shop: event {event} is in lane "producer:Import"'],
    ),
    Planted(
        "D344",
        rows="blocked",
        sql="UPDATE workflows_app_event SET lane = 'ACME'",
        finds=['shop: event {event} of lane "ACME" is reserved by run {run} of lane ""'],
    ),
    Planted(
        "D345",
        rows="blocked",
        sql="UPDATE workflows_app_breaker SET openings = 1",
        finds=[
            "shop: breaker {breaker} of consumer Pay is closed, with 1 unknown(s) and 1 opening(s),"
            " opened at no known time"
        ],
    ),
    Planted(
        "D345",
        rows="blocked",
        sql=(
            "UPDATE workflows_app_breaker SET status = 'open', trial_at = now(), openings = 1,"
            " unknowns = 5"
        ),
        finds=[
            "shop: breaker {breaker} of consumer Pay is open, with 5 unknown(s) and 1 opening(s),"
            " opened at no known time"
        ],
    ),
]


def test_an_event_whose_lane_the_code_can_not_name_is_found_until_either_changes(
    pending: Rows, shop: Shop
) -> None:
    event, version = Event.objects.get(pk=pending["event"]), shop.workflow.active_version
    refused = LaneRefusal(event=event, revision=event.revision, version=version, why="No supplier.")
    refused.save()
    assert found_by("D346") == [], "it has a lane"

    plant("UPDATE workflows_app_event SET lane = NULL WHERE id = %(event)s", pending)
    assert found_by("D346") == [f"shop: event {event.pk} is pending and in no lane: No supplier."]

    plant("UPDATE workflows_app_event SET revision = revision + 1 WHERE id = %(event)s", pending)
    assert found_by("D346") == []


def put_right(check_id: str) -> list[bool]:
    """Run the check with its fix, and return what it says it has fixed."""
    checks = [check for check in CHECKS if check.id == check_id]
    return [finding.fixed for finding in examine(checks, fix=True)]


def test_a_lane_that_counts_as_held_is_freed_and_goes_on(shop: Shop) -> None:
    shop.run_host()
    event = shop.order("1", by=None)
    LaneState.objects.filter(handler__name="Pay").update(is_held=True)
    shop.run_host()
    assert Event.objects.get(pk=event.pk).status == "pending"

    assert put_right("D341") == [True]

    assert found_by("D341") == []
    shop.run_host()
    assert Event.objects.get(pk=event.pk).status == "consumed"


def test_a_lane_that_counts_as_free_is_held_again(blocked: Rows, shop: Shop) -> None:
    LaneState.objects.update(is_held=False)

    assert put_right("D341") == [True] * LaneState.objects.filter(lane="").count()

    assert set(LaneState.objects.filter(lane="").values_list("is_held", flat=True)) == {True}
    assert found_by("D341") == []


def test_events_that_their_consumer_does_not_know_of_are_announced(shop: Shop) -> None:
    shop.run_host()
    events = [shop.order("1", by=None), shop.order("2", by=None)]
    plant("UPDATE workflows_app_event SET lane = 'ACME' WHERE id = %(id)s", {"id": events[0].pk})
    Arrival.objects.all().delete()

    assert put_right("D342") == [True, True]

    assert found_by("D342") == []
    shop.run_host()
    assert [Event.objects.get(pk=event.pk).status for event in events] == ["consumed", "consumed"]


def test_an_arrival_that_no_worker_has_taken_yet_is_no_finding(blocked: Rows, shop: Shop) -> None:
    shop.order("2")
    assert (found_by("D341"), found_by("D342")) == ([], [])


def test_what_waits_behind_a_run_that_holds_the_lane_is_no_finding(
    blocked: Rows, shop: Shop, person: User
) -> None:
    later = shop.order("2", by=None)
    shop.run_host()
    assert Arrival.objects.count() == 0
    assert (found_by("D341"), found_by("D342")) == ([], [])

    skip_run(shop.last_run(Event.objects.get(pk=blocked["event"])), actor=person, reason="enough")
    assert (found_by("D341"), found_by("D342")) == ([], [])
    shop.run_host()
    assert Event.objects.get(pk=later.pk).status == "consumed"


def test_a_consumer_that_is_new_while_the_lane_is_held_knows_that_it_is(shop: Shop) -> None:
    shop.deploy("1.1", tells=False, accept_orphans=True)
    shop.bank += ["rejected"]
    shop.order("1")
    shop.run_host()
    LaneState.objects.filter(handler__name="Tell").delete()

    shop.deploy("1.2")

    assert LaneState.objects.get(handler__name="Tell").is_held
    assert (found_by("D341"), found_by("D342")) == ([], [])


def test_an_owed_retry_in_another_lane_keeps_no_run_from_going_on(asserted: Rows) -> None:
    plant(
        "UPDATE workflows_app_run SET owes_retry = true, lane = 'ACME' WHERE id = %(run)s;"
        "UPDATE workflows_app_run SET status = 'active', phase = 'mutated' WHERE id = %(run2)s",
        asserted,
    )

    assert found_by("D306") == []


def test_a_breaker_that_opened_and_one_that_is_tried_are_no_finding(blocked: Rows) -> None:
    (breaker,) = Breaker.objects.all()
    for status in ("open", "half_open"):
        plant(
            "UPDATE workflows_app_breaker SET status = %(status)s, unknowns = 5, openings = 1,"
            " opened_at = now(), trial_at = now() WHERE id = %(id)s",
            {"status": status, "id": breaker.pk},  # type: ignore[dict-item]
        )
        assert found_by("D345") == []


def test_a_failed_run_whose_events_were_skipped_owes_nothing_and_is_no_finding(
    rejected: Rows, person: User
) -> None:
    skip_event(Event.objects.get(pk=rejected["event"]), actor=person, reason="enough")
    assert (found_by("D331"), found_by("D332"), found_by("D341")) == ([], [], [])
