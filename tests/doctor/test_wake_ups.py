"""A wake-up that nobody would come for is found, and put right by waking the host (P2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from tests.doctor.planting import Rows, found_by, plant
from tests.doctor.shop import Shop
from workflows_app.dispatch import due_workflows
from workflows_app.doctor import CHECKS, examine
from workflows_app.models import Arrival, Event, LaneState, Lease, Run
from workflows_app.operations import pause_workflow, resume_workflow, skip_run

pytestmark = pytest.mark.django_db


def set_lease(**values: Any) -> None:
    Lease.objects.update(**values)


def nothing_to_poll(shop: Shop) -> None:
    later = shop.now + timedelta(hours=5)
    LaneState.objects.filter(handler__kind="producer").update(wake_at=later)


def put_right(check_id: str, shop: Shop) -> list[bool]:
    """Run the check with its fix, and return what it says it has fixed."""
    checks = [check for check in CHECKS if check.id == check_id]
    return [finding.fixed for finding in examine(checks, clock=lambda: shop.now, fix=True)]


def left(event: int, **values: Any) -> None:
    """Let the consumer have looked at the event, and have taken nothing."""
    seen = {"oldest_pending": event, "arrivals": 2, "arrivals_seen": 2}
    LaneState.objects.filter(handler__name="Pay").update(**seen, **values)


def lost(shop: Shop) -> list[str]:
    found = found_by("D801", now=shop.now)
    assert (shop.workflow.pk in due_workflows(shop.now)) <= (not found)
    return found


def test_pending_events_that_nothing_announces_are_found_and_woken(shop: Shop) -> None:
    shop.run_host(hours=1)
    event = shop.order("9", by=None)
    assert lost(shop) == []

    Arrival.objects.all().delete()
    announced = LaneState.objects.filter(handler__name="Pay")
    announced.update(oldest_pending=event.pk, arrivals=F("arrivals") + 1)
    for seconds, is_found in ((59, False), (61, True)):
        set_lease(next_due_at=shop.now + timedelta(seconds=seconds))
        assert bool(lost(shop)) == is_found

    assert lost(shop) == [
        f"shop: workflow {shop.workflow.pk} has something to do (Begin), but nothing wakes it"
    ]
    assert put_right("D801", shop) == [True]
    assert lost(shop) == []
    assert shop.workflow.pk in due_workflows(shop.now)
    shop.run_host()
    assert Event.objects.get(pk=event.pk).status == "consumed"


def test_an_owed_retry_that_nothing_wakes_is_found(rejected: Rows, shop: Shop) -> None:
    nothing_to_poll(shop)
    set_lease(next_due_at=None)
    Run.objects.filter(pk=rejected["run"]).update(retry_due_at=shop.now)

    assert lost(shop) == [
        f"shop: workflow {shop.workflow.pk} has something to do (Retry), but nothing wakes it"
    ]


def test_an_orphaned_run_that_nothing_wakes_is_found(shop: Shop, person: User) -> None:
    shop.mail += ["lost"]
    event = shop.order("1", by="mail")
    shop.run_host()
    skip_run(shop.last_run(event), actor=person, reason="enough")
    assert lost(shop) == []

    set_lease(next_due_at=None)

    assert lost(shop) == [
        f"shop: workflow {shop.workflow.pk} has something to do (Continue), but nothing wakes it"
    ]


def test_a_moment_that_the_lease_forgets_is_found(reconciling: Rows, shop: Shop) -> None:
    nothing_to_poll(shop)
    due_at = shop.workflow.runs.get().mutation.next_reconcile_at
    assert due_at is not None
    assert lost(shop) == []
    sentence = (
        f"shop: workflow {shop.workflow.pk} is due at {due_at:%Y-%m-%d %H:%M:%S} UTC, but nothing"
        f" wakes it then"
    )

    set_lease(next_due_at=None)
    assert lost(shop) == [sentence]

    set_lease(next_due_at=due_at + timedelta(seconds=61))
    assert lost(shop) == [sentence]

    set_lease(next_due_at=due_at + timedelta(seconds=59))
    assert lost(shop) == []


def test_a_workflow_that_does_not_listen_is_found(shop: Shop) -> None:
    shop.run_host(hours=1)
    set_lease(listens=False)

    assert lost(shop) == [
        f"shop: workflow {shop.workflow.pk} waits for events, but does not listen for them"
    ]


def test_a_workflow_that_was_just_resumed_is_due_and_listens_from_then_on(
    shop: Shop, person: User
) -> None:
    pause_workflow(shop.workflow, actor=person, reason="holidays")
    shop.run_host(hours=1)
    resume_workflow(shop.workflow, actor=person, reason="back again")
    assert (Lease.objects.get().listens, lost(shop)) == (False, [])


def test_what_a_worker_holds_or_a_person_paused_is_not_lost(shop: Shop, person: User) -> None:
    shop.order("1")
    set_lease(next_due_at=None, listens=False, holder="worker", expires_at="2100-01-01 00:00Z")
    assert lost(shop) == []

    set_lease(holder="", expires_at=None)
    assert lost(shop) != []

    pause_workflow(shop.workflow, actor=person, reason="holidays")
    set_lease(next_due_at=None)
    assert lost(shop) == []


def test_without_fix_nothing_is_woken(shop: Shop) -> None:
    shop.run_host(hours=1)
    set_lease(listens=False)
    before = list(Lease.objects.values())

    assert found_by("D801", now=shop.now) != []

    assert list(Lease.objects.values()) == before


def test_a_workflow_without_a_lease_is_found(shop: Shop) -> None:
    key = shop.workflow.pk
    assert found_by("D802") == []
    Lease.objects.all().delete()
    assert found_by("D802") == [f"shop: workflow {key} has no lease"]
    assert lost(shop) == []


def test_a_lease_that_is_held_without_an_end_is_found(shop: Shop) -> None:
    key = shop.workflow.pk
    assert found_by("D803") == []

    set_lease(holder="worker")
    assert found_by("D803") == [f'shop: workflow {key} is held by "worker" until no known time']

    set_lease(holder="", expires_at="2026-01-02 03:04:05Z")
    assert found_by("D803") == [f'shop: workflow {key} is held by "" until 2026-01-02 03:04:05+00']


def test_events_that_a_consumer_left_long_ago_are_found_and_offered_again(
    pending: Rows, shop: Shop
) -> None:
    left(pending["event"])
    elsewhere, done = shop.order("2").pk, shop.order("3").pk
    Arrival.objects.all().delete()
    plant(
        "UPDATE workflows_app_event SET created_at = '2026-01-02 03:04:05Z';"
        "UPDATE workflows_app_event SET created_at = '2025-01-02 03:04:05Z' WHERE id > %(event)s;"
        f"UPDATE workflows_app_event SET lane = 'ACME' WHERE id = {elsewhere};"
        f"UPDATE workflows_app_event SET status = 'skipped' WHERE id = {done}",
        pending,
    )
    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    found = [
        f"shop: lane state {pending['lane']} Pay waits for another event, while 1 wait for it since"
        " 2026-01-02 03:04:05+00"
    ]
    assert found_by("D804", now=since + timedelta(days=1)) == []
    assert found_by("D804", now=since + timedelta(days=1, seconds=1)) == found
    topic = shop.workflow.topics.get(name="ordered")
    Arrival.objects.create(topic=topic, lane="ACME", transaction="1")
    assert found_by("D804") == found
    Arrival.objects.update(lane="")
    assert found_by("D804") == [], "it will look"
    Arrival.objects.all().delete()
    plant(f"UPDATE workflows_app_event SET status = 'skipped' WHERE id = {elsewhere}")

    assert put_right("D804", shop) == [True]

    assert found_by("D804") == []
    shop.bank += ["applied"]
    shop.run_host()
    assert Event.objects.get(pk=pending["event"]).status == "consumed"


def test_events_that_wait_for_a_moment_of_their_consumer_are_no_finding(
    pending: Rows, shop: Shop
) -> None:
    left(pending["event"], wake_at=shop.now)
    Arrival.objects.all().delete()
    plant("UPDATE workflows_app_event SET created_at = '2026-01-02 03:04:05Z'")
    assert found_by("D804") == []
