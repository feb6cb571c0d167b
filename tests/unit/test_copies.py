"""Copied events are what the host would have written: the doctor finds nothing wrong with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.copies import copy_events, copy_workflow
from tests.scenes import Scene, workflow_with
from workflows_app import registry
from workflows_app.doctor import CHECKS, Severity, examine
from workflows_app.models import Event

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
