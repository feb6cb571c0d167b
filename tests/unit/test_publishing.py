"""Publishing from application code: with the caller's data or not at all, and never without a cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from simple_history.middleware import HistoryRequestMiddleware

from tests.unit.declarations import consumer, producer, workflow
from workflows_app.dispatch import due_workflows
from workflows_app.models import Arrival, Event, EventInput, Input, Lease, Workflow
from workflows_app.publishing import publish, register_input
from workflows_app.sdk import InputRef
from workflows_app.testing import registered

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def flow() -> Iterator[Workflow]:
    """A workflow with a consumer of topic `in`, and topic `out` that nobody takes."""
    code = workflow(
        producers=[producer(publishes=["in", "out"])],
        consumers=[consumer()],
        policy={"json_max_bytes": 1000},
    )
    with registered(code, workflow(slug="other")):
        yield Workflow.objects.get(slug="flow")


def send(message_id: Any = "42", payload: Any = None, **given: Any) -> Event:
    arguments = {"workflow": "flow", "topic": "in", "message_id": message_id, "payload": payload}
    return publish(**arguments | given)


def written() -> tuple[int, ...]:
    return tuple(
        model._default_manager.count()
        for model in (Event, Event.history.model, EventInput, Input, Arrival)
    )


def causes(event: Event) -> list[tuple[str, str, str, str]]:
    return list(event.inputs.order_by("pk").values_list("source", "type", "external_id", "title"))


def test_an_event_is_pending_with_what_was_given(flow: Workflow) -> None:
    returned = send("42", {"amount": "12.50", "lines": (1, 2)})

    event = Event.objects.get()
    assert returned == event
    assert (event.topic.workflow, event.topic.name, event.message_id) == (flow, "in", "42")
    assert event.payload == returned.payload == {"amount": "12.50", "lines": [1, 2]}
    assert (event.status, event.revision) == ("pending", 1)
    assert (event.created_by, event.reserved_by) == (None, None)


def test_the_workflow_may_be_given_as_its_row(flow: Workflow) -> None:
    assert send(workflow=flow) == Event.objects.get(topic__workflow=flow)


def test_an_event_without_a_cause_gets_one_of_its_own() -> None:
    event = send("42", topic="out")

    assert causes(event) == [("app", "out", "42", "42")]


def test_an_event_comes_of_the_input_given() -> None:
    invoice = register_input(
        workflow="flow", source="erp", type="invoice", external_id="7", title="Invoice 7"
    )

    event = send(input=invoice)

    assert causes(event) == [("erp", "invoice", "7", "Invoice 7")]
    assert Input.objects.count() == 1


def test_an_input_given_by_its_identity_is_registered_once() -> None:
    first = send("1", input=InputRef("erp", "invoice", "7", "Invoice 7"))
    second = send("2", input=InputRef("erp", "invoice", "7", "Another title"))

    assert causes(first) == causes(second) == [("erp", "invoice", "7", "Invoice 7")]
    assert Input.objects.count() == 1


def test_history_says_that_the_application_published_it() -> None:
    (row,) = send().history.all()

    assert (row.history_change_reason, row.history_user, row.history_type, row.status) == (
        "published by the application",
        None,
        "+",
        "pending",
    )


def test_in_a_web_request_history_names_who_asked() -> None:
    petra = User.objects.create_user("petra")

    def view(request: HttpRequest) -> HttpResponse:
        send(payload=1)
        send(payload=2)
        return HttpResponse()

    request = RequestFactory().get("/")
    request.user = petra
    HistoryRequestMiddleware(view)(request)

    history = Event.objects.get().history.order_by("history_id")
    assert [(row.history_change_reason, row.history_user) for row in history] == [
        ("published by the application", petra),
        ("published again with another payload by the application", petra),
    ]


def test_one_transaction_leaves_one_arrival_a_topic(flow: Workflow) -> None:
    send("1")
    send("2")
    send("3", workflow="other")

    topics = Arrival.objects.values_list("topic__workflow__slug", "topic__name")
    assert sorted(topics) == [("flow", "in"), ("other", "in")]


def test_an_arrival_in_a_topic_that_nobody_takes_wakes_nobody(flow: Workflow) -> None:
    Lease.objects.filter(pk=flow.pk).update(next_due_at=None)
    send(topic="out")

    assert Arrival.objects.count() == 1
    assert flow.pk not in due_workflows(timezone.now())


def test_what_the_caller_rolls_back_was_never_published(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    before = written()
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        send(input=InputRef("erp", "invoice", "7"))
        assert written() != before
        transaction.set_rollback(True)

    assert written() == before
    assert callbacks == []
