"""The button of an event: allowed, denied, pressed twice, opened only, and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.addresses import page_of, text_of, told
from workflows_app.models import Event, OperatorAction, Run
from workflows_app.testing import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(scene: Callable[..., Any]) -> Event:
    """An event that waits to be paid."""
    event: Event = scene("applied").publish("42", {"amount": "12.50", "to": "ACME"})
    return event


def press(client: Client, event: Event, reason: str = "Cancelled by phone", **extra: Any) -> Any:
    data = {"_form_submitted": "True", "reason": reason}
    return client.post(page_of(event, "skip_event"), data, **extra)


def ledger(event: Event) -> tuple[Any, ...]:
    event = Event.objects.get(pk=event.pk)
    return (
        event.status,
        event.reserved_by,
        list(event.history.order_by("history_id").values_list("status", "history_change_reason")),
        OperatorAction.objects.count(),
        Run.objects.count(),
    )


def test_skip_event_excludes_it_for_good(
    event: Event, operator: Client, operator_user: User
) -> None:
    response = press(operator, event)

    assert (response.status_code, response.url) == (302, page_of(event))
    assert told(response) == ["Skip event: the event is skipped."]
    action = OperatorAction.objects.get()
    assert (action.operation, action.actor, action.reason, action.event, action.run) == (
        "skip_event",
        operator_user,
        "Cancelled by phone",
        event,
        None,
    )
    drain("pay")
    assert ledger(event) == (
        "skipped",
        None,
        [
            ("pending", "published by the application"),
            ("skipped", "Cancelled by phone"),
        ],
        1,
        Run.objects.filter(reservations=None).count(),
    )
    page = text_of(operator, page_of(event))
    assert "Skip event by olga" in page
    assert "Cancelled by phone" in page
    assert "What you can do" not in page


@pytest.mark.parametrize(("outcome", "status"), [("applied", "consumed"), ("lost", "reserved")])
def test_an_event_that_was_taken_meanwhile_is_not_skipped(
    scene: Callable[..., Any], operator: Client, outcome: str, status: str
) -> None:
    run = scene(outcome).happens()
    event = Event.objects.get(reservations__run=run)
    after = ledger(event)
    assert after[0] == status
    assert "What you can do" not in text_of(operator, page_of(event))

    refusal, _words = told(press(operator, event))

    by_run = f" by run {run.pk}" if status == "reserved" else ""
    assert refusal == f"Event 42 can't be skipped: it is no longer pending but {status}{by_run}."
    assert ledger(event) == after
