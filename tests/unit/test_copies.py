"""Copied events are what the host would have written: the doctor finds nothing wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import Count

from tests.copies import copy_events, copy_workflow
from tests.scenes import Scene, workflow_with
from workflows_app import registry
from workflows_app.doctor import CHECKS, Severity, examine
from workflows_app.models import Event, Evidence, Input, Mutation, Reservation, Run

pytestmark = pytest.mark.django_db


def violations() -> list[str]:
    """Return what the doctor finds that must not be."""
    return [
        f"{finding.check.title}: {finding.found.subject} {finding.found.id} {finding.found.detail}"
        for finding in examine(CHECKS)
        if finding.check.severity == Severity.VIOLATION
    ]


@pytest.fixture
def finished(scene: Callable[..., Scene]) -> list[Event]:
    """An event that the host has finished, and the one that it published."""
    run = scene("applied").happens(payload={"amount": "12.50"})
    return list(Event.objects.filter(reservations__run=run))


def test_copies_of_a_finished_event_have_all_that_came_of_it(finished: list[Event]) -> None:
    per_event = {
        model: model.objects.count() for model in (Run, Reservation, Mutation, Evidence, Input)
    }
    histories = {model: model.history.count() for model in (Run, Mutation)}
    polls = Run.objects.filter(handler__kind="producer").count()

    copy_events(finished, 3, first=100)

    per_event[Run] -= polls
    assert {model: model.objects.count() for model in per_event} == {
        model: 4 * number + (polls if model is Run else 0) for model, number in per_event.items()
    }
    poll_steps = Run.history.filter(handler__kind="producer").count()
    assert Run.history.count() == 4 * (histories[Run] - poll_steps) + poll_steps
    assert Mutation.history.count() == 4 * histories[Mutation]
    copies = Event.objects.filter(message_id__in=["000000100", "000000101", "000000102"])
    assert [event.status for event in copies] == ["consumed"] * 3
    keys = Mutation.objects.values("idempotency_key").annotate(number=Count("pk"))
    assert {row["number"] for row in keys} == {1}


def test_the_doctor_finds_nothing_wrong_with_copies(finished: list[Event]) -> None:
    copy_events(finished, 20, first=100, seconds_apart=1.0)

    assert violations() == []


def test_copies_of_a_pending_event_are_pending_and_get_done(scene: Callable[..., Scene]) -> None:
    stage = scene(*["applied"] * 4)
    copy_events([stage.publish("42", {"amount": "1"})], 3, first=1)

    stage.run_host()

    done = Event.objects.filter(topic__name="invoice.received").order_by("pk")
    assert [(event.message_id, event.status) for event in done] == [
        ("42", "consumed"),
        ("000000001", "consumed"),
        ("000000002", "consumed"),
        ("000000003", "consumed"),
    ]


def test_copies_are_dated_one_before_the_other(finished: list[Event]) -> None:
    copy_events(finished, 3, first=100, seconds_apart=60.0)

    dates = Event.objects.filter(message_id__startswith="0000").order_by("pk")
    created = [event.created_at for event in dates]
    minute = timedelta(minutes=1)
    at = finished[0].created_at
    assert created == [at - 3 * minute, at - 2 * minute, at - minute]


def test_what_is_written_after_copies_gets_the_next_numbers(finished: list[Event]) -> None:
    copy_events(finished, 3, first=100)
    newest = Event.objects.order_by("pk").last()
    assert newest is not None

    newer = Event.objects.create(topic=newest.topic, message_id="newer", payload={})

    assert newer.pk == newest.pk + 1


def test_copies_of_a_workflow_handle_events_of_their_own(scene: Callable[..., Scene]) -> None:
    stage = scene("applied")
    stage.happens("1")
    copy_workflow(stage.workflow, 2, first=1, slug="pay-")
    codes = [workflow_with(stage.mutator, slug) for slug in ("pay-00001", "pay-00002")]

    with registry.override(*codes):
        run = Scene(stage.mutator, "pay-00002").happens("2")

    assert (run.workflow.slug, run.status) == ("pay-00002", "committed")
    assert run.version.workflow == run.handler.workflow == run.workflow
    assert violations() == []
