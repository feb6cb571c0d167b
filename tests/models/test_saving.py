"""Rows and history as the one writer makes them: what django-simple-history would have written (P4)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, models, transaction

from tests.scenes import Scene
from workflows_app.models import (
    Event,
    Evidence,
    LaneState,
    Mutation,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
)
from workflows_app.models.collecting import collected, flush
from workflows_app.models.saving import insert, insert_unless_there, save_with_history, update

pytestmark = pytest.mark.django_db

OWN = {"history_id", "history_date"}


def columns(row: Any, *, without: Collection[str] = ()) -> dict[str, Any]:
    return {
        item.attname: getattr(row, item.attname)
        for item in row._meta.concrete_fields
        if item.attname not in {*OWN, *without}
    }


def newest(instance: models.Model) -> Any:
    return instance.history.order_by("-history_id").first()  # type: ignore[attr-defined]


@pytest.fixture
def play(scene: Callable[..., Scene]) -> Scene:
    """A workflow with a settled run, so that every table has a row."""
    play = scene("applied")
    play.happens(payload={"amount": "12.50", "lines": [1, None, {"é": 2.5}]}, days=0)
    return play


@pytest.mark.parametrize("model", [Workflow, WorkflowVersion, Event, Run, Mutation])
def test_an_update_leaves_the_history_row_that_a_plain_save_leaves(
    play: Scene, operator_user: User, model: type[models.Model]
) -> None:
    instance: Any = model._default_manager.order_by("pk").first()

    save_with_history(instance, reason="why", actor=operator_user)
    ours = newest(instance)
    instance._change_reason, instance._history_user = "why", operator_user
    instance.save()
    theirs = newest(instance)

    assert ours.pk != theirs.pk
    assert columns(ours) == columns(theirs)


def test_an_insert_leaves_the_row_and_history_row_that_a_plain_save_leaves(play: Scene) -> None:
    topic = Topic.objects.get(name="invoice.received")
    payload = {"text": "x%s", "none": None, "n": 1.5}
    ours = Event(topic=topic, message_id="ours", payload=payload)
    theirs: Any = Event(topic=topic, message_id="theirs", payload=payload)

    save_with_history(ours, reason="published")
    theirs._change_reason = "published"
    theirs.save()

    different = {"id", "message_id", "created_at"}
    stored = [Event.objects.get(pk=event.pk) for event in (ours, theirs)]
    assert columns(stored[0], without=different) == columns(stored[1], without=different)
    rows = [newest(event) for event in (ours, theirs)]
    assert columns(rows[0], without=different) == columns(rows[1], without=different)
    assert rows[0].created_at == stored[0].created_at
    assert rows[0].history_type == "+"


def test_only_the_named_fields_are_updated_and_history_shows_the_table(play: Scene) -> None:
    event = Event.objects.get(message_id="42", topic__name="invoice.received")
    event.revision, event.message_id = 9, "not to be stored"

    save_with_history(event, reason="why", fields=["revision"])

    stored = Event.objects.get(pk=event.pk)
    assert (stored.revision, stored.message_id) == (9, "42")
    assert (newest(event).revision, newest(event).message_id) == (9, "42")


def test_json_null_is_a_payload(play: Scene) -> None:
    event = Event(topic=Topic.objects.get(name="invoice.paid"), message_id="n", payload=None)

    save_with_history(event, reason="published")

    assert Event.objects.get(pk=event.pk).payload is None
    assert newest(event).payload is None


def test_collected_changes_go_in_order_and_give_keys(play: Scene) -> None:
    topic = Topic.objects.get(name="invoice.paid")
    with transaction.atomic(), collected():
        event = Event(topic=topic, message_id="a", payload=1)
        save_with_history(event, reason="first")
        event.revision = 2
        save_with_history(event, reason="second", fields=["revision"])

    assert list(event.history.values_list("history_change_reason", "revision")) == [
        ("second", 2),
        ("first", 1),
    ]


def test_what_waits_is_not_there_before_the_flush(play: Scene) -> None:
    lane = LaneState.objects.get(handler__name="Pay")
    with transaction.atomic(), collected():
        lane.state = {"seen": 1}
        update(lane, ["state"])
        assert LaneState.objects.get(pk=lane.pk).state is None
        flush()
        assert LaneState.objects.get(pk=lane.pk).state == {"seen": 1}


def test_nothing_is_written_when_the_block_fails(play: Scene) -> None:
    def fail_after_a_save() -> None:
        with transaction.atomic(), collected():
            topic = Topic.objects.get(name="invoice.paid")
            save_with_history(Event(topic=topic, message_id="a", payload=1), reason="no")
            raise LookupError

    with pytest.raises(LookupError):
        fail_after_a_save()

    assert not Event.objects.filter(message_id="a").exists()
    assert not Event.history.filter(message_id="a").exists()


def test_an_error_of_the_database_is_raised_as_django_s(play: Scene) -> None:
    def publish_twice() -> None:
        with transaction.atomic(), collected():
            topic = Topic.objects.get(name="invoice.paid")
            for _ in range(2):
                save_with_history(Event(topic=topic, message_id="a", payload=1), reason="twice")

    with pytest.raises(IntegrityError, match="one_event_per_message_id"):
        publish_twice()


def test_a_taken_identity_is_told_and_leaves_no_history(play: Scene) -> None:
    topic = Topic.objects.get(name="invoice.paid")
    first, second = (Event(topic=topic, message_id="a", payload=n) for n in (1, 2))

    identity = ("topic", "message_id")
    insert_unless_there([first], identity=identity, reason="first")
    insert_unless_there([second], identity=identity, reason="second")

    assert (first._state.adding, second._state.adding) == (False, True)
    assert second.pk is None
    assert list(Event.history.filter(message_id="a").values_list("payload", flat=True)) == [1]


def test_an_update_of_a_row_that_is_gone_is_an_error(play: Scene) -> None:
    lane = LaneState.objects.get(handler__name="Pay")
    lane.pk = 0

    with pytest.raises(DatabaseError, match=r"Not 1, but 0 rows were written\."):
        update(lane, ["state"])


def test_rows_without_history_are_inserted_with_their_keys(play: Scene) -> None:
    mutation = Mutation.objects.get()
    evidence = Evidence(mutation=mutation, kind="late", verdict="unknown", duration_ms=1)

    insert(evidence)

    assert Evidence.objects.get(pk=evidence.pk).created_at == evidence.created_at
