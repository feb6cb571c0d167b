"""A `message_id` published again: a pending event is brought up to date, any other is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from django.db import connection

from tests.rivals import Rival, holding, queued
from tests.unit.declarations import consumer, producer, workflow
from workflows_app.models import Arrival, Event, Handler, Run, Topic, Workflow
from workflows_app.publishing import publish, register_input
from workflows_app.testing import registered


@pytest.fixture(autouse=True)
def flow(db: None) -> Iterator[Workflow]:
    code = workflow(producers=[producer(publishes=["in"])], consumers=[consumer()])
    with registered(code):
        yield Workflow.objects.get(slug="flow")


def send(payload: Any = None, external_id: str = "1") -> Event:
    cause = register_input(workflow="flow", source="erp", type="file", external_id=external_id)
    return publish(workflow="flow", topic="in", message_id="42", payload=payload, input=cause)


def look() -> None:
    """Look at the topic as a run does: what arrived is taken note of."""
    Arrival.objects.all().delete()


def causes() -> list[str]:
    return list(Event.objects.get().inputs.order_by("pk").values_list("external_id", flat=True))


def all_of(event: Event) -> dict[str, Any]:
    return Event.objects.filter(pk=event.pk).values().get()


def test_a_pending_event_takes_the_new_payload_and_the_new_cause() -> None:
    first = send({"amount": 1}, "1")
    look()

    again = send({"amount": 2}, "2")

    assert again == first
    event = Event.objects.get()
    assert (event.payload, event.revision, event.status) == ({"amount": 2}, 2, "pending")
    assert (again.payload, again.revision) == (event.payload, event.revision)
    assert causes() == ["1", "2"]
    assert Arrival.objects.count() == 1
    assert [(row.history_change_reason, row.payload) for row in event.history.all()] == [
        ("published again with another payload by the application", {"amount": 2}),
        ("published by the application", {"amount": 1}),
    ]


def test_the_same_payload_changes_nothing_but_the_causes() -> None:
    before = all_of(send({"a": 1, "b": [2]}, "1"))
    look()

    again = send({"b": [2], "a": 1}, "2")

    assert all_of(again) == before
    assert again.history.count() == 1
    assert causes() == ["1", "2"]
    assert not Arrival.objects.exists()


def test_the_same_cause_counts_once() -> None:
    send({"amount": 1}, "1")
    send({"amount": 2}, "1")
    send({"amount": 2}, "1")

    assert causes() == ["1"]


@pytest.mark.parametrize(("stored", "published"), [(1, True), (0, False), (1, 1.0), (None, [])])
def test_what_python_takes_for_equal_is_another_payload_all_the_same(
    stored: Any, published: Any
) -> None:
    send({"paid": stored})

    again = send({"paid": published})

    assert repr(Event.objects.get().payload["paid"]) == repr(published)
    assert again.revision == 2


def run_of(flow: Workflow) -> Run:
    return Run.objects.create(
        workflow=flow,
        handler=Handler.objects.get(kind="consumer"),
        version=flow.active_version,
        started_at=flow.created_at,
    )


@pytest.mark.parametrize("status", ["reserved", "consumed", "skipped"])
def test_an_event_that_is_no_longer_pending_is_not_touched(flow: Workflow, status: str) -> None:
    holder = run_of(flow) if status == "reserved" else None
    event = Event.objects.create(
        topic=Topic.objects.get(), message_id="42", payload={"a": 1}, status=status,
        reserved_by=holder,
    )  # fmt: skip
    before, history = all_of(event), event.history.count()

    returned = send({"a": 2}, "late")

    assert returned == event
    assert (returned.status, returned.payload) == (status, {"a": 1})
    assert all_of(event) == before
    assert event.history.count() == history
    assert not Arrival.objects.exists()
    # That the input came, and which event it stands for, is kept.
    assert causes() == ["late"]


@pytest.mark.django_db(transaction=True)
def test_two_who_publish_at_once_make_one_event_with_both_causes() -> None:
    """The second looks before the first commits: it finds nothing, and waits at the constraint."""
    insert = (
        "INSERT INTO workflows_app_event (topic_id, message_id, payload, revision, status, created_at)"
        " SELECT id, '42', '{}', 1, 'pending', now() FROM workflows_app_topic"
    )
    with holding(insert):
        rivals = queued(lambda: send({"amount": 1}, "1"), lambda: send({"amount": 1}, "2"))
        assert not Event.objects.exists()
    for rival in rivals:
        rival.result()

    event = Event.objects.get()
    assert (event.payload, event.status, event.revision) == ({"amount": 1}, "pending", 1)
    assert sorted(causes()) == ["1", "2"]
    assert event.history.count() == 1
    assert Arrival.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_reserved_meanwhile_is_not_touched(flow: Workflow) -> None:
    """The publisher has seen it pending, waits for the row, and looks again when it has it."""
    event = send({"amount": 1})
    run = run_of(flow)
    elsewhere: Any = connection.copy()
    elsewhere.set_autocommit(False)
    with closing(elsewhere), elsewhere.cursor() as cursor:
        cursor.execute("SELECT FROM workflows_app_event FOR UPDATE")
        (rival,) = queued(lambda: send({"amount": 2}, "2"))
        cursor.execute(
            "UPDATE workflows_app_event SET status = 'reserved', reserved_by_id = %s", [run.pk]
        )
        elsewhere.commit()
        returned = rival.result()

    assert (returned.status, returned.payload) == ("reserved", {"amount": 1})
    stored = Event.objects.get()
    assert (stored.status, stored.payload, stored.revision) == ("reserved", {"amount": 1}, 1)
    assert event.history.count() == 1


@pytest.mark.django_db(transaction=True)
def test_each_transaction_leaves_an_arrival_of_its_own(flow: Workflow) -> None:
    """Else one that commits late would not be noticed."""
    send({"amount": 1})
    send({"amount": 2})
    Rival(lambda: send({"amount": 3})).result()

    assert list(Arrival.objects.values_list("topic__name", flat=True)) == ["in"] * 3
    assert Arrival.objects.values("transaction").distinct().count() == 3
