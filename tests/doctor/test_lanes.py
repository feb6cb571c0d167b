"""Lanes of which the host keeps something else in mind than is so are found and put right (P2, P8)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.commands.console import run
from tests.doctor.planting import Rows, found_after, found_by, plant
from tests.doctor.shop import Shop
from workflows_app.doctor import CHECKS, examine
from workflows_app.models import Arrival, Breaker, Event, LaneRefusal, LaneState
from workflows_app.operations import skip_event, skip_run

pytestmark = pytest.mark.django_db


def test_an_event_whose_lane_the_code_can_not_name_is_found_until_either_changes(
    pending: Rows, shop: Shop, neighbour: None
) -> None:
    event, version = Event.objects.get(pk=pending["event"]), shop.workflow.active_version
    refused = LaneRefusal(event=event, revision=event.revision, version=version, why="No supplier.")
    refused.save()
    assert found_by("D346") == [], "it has a lane"

    plant("UPDATE workflows_app_event SET lane = NULL WHERE id = %(event)s", pending)
    assert found_by("D346") == [f"shop: event {event.pk} is pending and in no lane: No supplier."]

    for change in (
        "UPDATE workflows_app_event SET revision = revision + 1",
        "UPDATE workflows_app_event SET status = 'skipped' WHERE reserved_by_id IS NULL",
        "UPDATE workflows_app_lanerefusal SET version_id ="
        f" (SELECT id FROM workflows_app_workflowversion WHERE workflow_id <> {shop.workflow.pk})",
    ):
        assert found_after(change, "D346") == []


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
    # What it has told is fixed for good, though nobody hears the rest.
    first = next(examine([check for check in CHECKS if check.id == "D341"], fix=True))
    assert LaneState.objects.get(pk=first.found.id).is_held
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
            "UPDATE workflows_app_breaker SET status = %(status)s, unknowns = 1, openings = 1,"
            " opened_at = now(), trial_at = now() WHERE id = %(id)s",
            {"status": status, "id": breaker.pk},  # type: ignore[dict-item]
        )
        assert found_by("D345") == []


def test_the_command_that_a_remedy_names_makes_the_retry_that_is_not_owed(
    rejected: Rows, person: User
) -> None:
    plant("UPDATE workflows_app_run SET owes_retry = false WHERE id = %(run)s", rejected)
    assert len(found_by("D331")) == 1
    how = ("--operation", "retry_failed_run", "--no-input")
    who = ("--actor", "olga", "--reason", "enough")
    assert run("resolve_runs", rejected["run"], *how, *who).code == 0
    assert found_by("D331") == []


def test_a_failed_run_whose_events_were_skipped_owes_nothing_and_is_no_finding(
    rejected: Rows, person: User
) -> None:
    skip_event(Event.objects.get(pk=rejected["event"]), actor=person, reason="enough")
    assert (found_by("D331"), found_by("D332"), found_by("D341")) == ([], [], [])
