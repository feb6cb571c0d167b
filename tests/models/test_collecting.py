"""What a transaction changes is one round trip, in which it is made in order (P4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from tests.scenes import Scene
from workflows_app.models import Event, LaneState, Run, Topic
from workflows_app.models.collecting import collected, flush
from workflows_app.models.reading import Compiled
from workflows_app.models.saving import insert, save_with_history, update

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def play(scene: Callable[..., Scene]) -> Scene:
    play = scene("applied")
    for name in ("a", "b", "c"):
        play.happens(name, days=0)
    return play


_OF_A_NEW_RUN = ("workflow_id", "handler_id", "version_id", "started_at")


class _Counting(psycopg.Connection[Any]):
    """A connection that counts how often it waits for the server."""

    waits: list[int]

    def wait(self, *arguments: Any, **options: Any) -> Any:
        self.waits.append(1)
        return super().wait(*arguments, **options)


@contextmanager
def round_trips() -> Iterator[list[int]]:
    connection.ensure_connection()
    opened: Any = connection.connection
    before = type(opened)
    opened.__class__, opened.waits = _Counting, []
    try:
        yield opened.waits
    finally:
        opened.__class__ = before


def test_rows_that_change_alike_have_one_history_date_and_one_row_each(play: Scene) -> None:
    events = list(Event.objects.order_by("pk")[:3])
    with transaction.atomic(), round_trips() as trips, collected():
        for event in events:
            event.revision = 7
            save_with_history(event, reason="alike", fields=["revision"])

    assert len(trips) == 1
    assert [Event.objects.get(pk=event.pk).revision for event in events] == [7, 7, 7]
    newest = [event.history.order_by("-history_id").first() for event in events]
    assert [(row.revision, row.history_change_reason) for row in newest] == [(7, "alike")] * 3
    assert len({row.history_date for row in newest}) == 1


def test_rows_that_change_differently_or_for_other_reasons_are_not_made_alike(play: Scene) -> None:
    events = list(Event.objects.order_by("pk")[:4])
    changes = [(7, "one"), (8, "one"), (8, "two"), (8, "two")]
    with transaction.atomic(), round_trips() as trips, collected():
        for event, (revision, reason) in zip(events, changes, strict=True):
            event.revision = revision
            save_with_history(event, reason=reason, fields=["revision"])

    assert len(trips) == 1
    assert [Event.objects.get(pk=event.pk).revision for event in events] == [7, 8, 8, 8]
    newest = [event.history.order_by("-history_id").first() for event in events]
    assert [(row.revision, row.history_change_reason) for row in newest] == changes


def test_a_row_that_changes_twice_has_both_in_its_history(play: Scene) -> None:
    event = Event.objects.earliest("pk")
    with transaction.atomic(), round_trips() as trips, collected():
        for revision in (8, 9):
            event.revision = revision
            save_with_history(event, reason=f"to {revision}", fields=["revision"])

    assert len(trips) == 1
    assert Event.objects.get(pk=event.pk).revision == 9
    newest = event.history.order_by("-history_id")[:2]
    assert [row.revision for row in newest] == [9, 8]


def test_what_a_new_row_needs_out_of_the_way_is_changed_before_it_comes(play: Scene) -> None:
    ended = Run.objects.latest("pk")
    new = [Run(**{name: getattr(ended, name) for name in _OF_A_NEW_RUN}) for _ in range(2)]
    with transaction.atomic(), collected():
        save_with_history(new[0], reason="started")
    with transaction.atomic(), collected():
        # One open run a workflow: the first must have ended when the second comes.
        new[0].crash()
        save_with_history(new[0], reason="its worker died", fields=["status"])
        save_with_history(new[1], reason="started")

    assert [run.status for run in Run.objects.order_by("-pk")[:2]] == ["active", "crashed"]
    with connection.cursor() as cursor:
        # Within one statement PostgreSQL promises no order.
        keys = [run.pk for run in new]
        cursor.execute(
            "SELECT cmin::text::int FROM workflows_app_run WHERE id = ANY(%s) ORDER BY id", [keys]
        )
        first, second = cursor.fetchall()
    assert first < second
    assert new[1].pk == Run.objects.latest("pk").pk


def test_what_has_to_end_may_end_after_what_takes_its_place_was_asked_for(play: Scene) -> None:
    ended = Run.objects.latest("pk")
    new, last = (Run(**{name: getattr(ended, name) for name in _OF_A_NEW_RUN}) for _ in range(2))
    save_with_history(new, reason="started")
    with transaction.atomic(), round_trips() as trips, collected():
        save_with_history(last, reason="started")
        new.crash()
        save_with_history(new, reason="its worker died", fields=["status"])

    assert len(trips) == 1
    assert [run.status for run in Run.objects.order_by("-pk")[:2]] == ["active", "crashed"]


def test_a_row_with_a_given_key_is_inserted_and_changed_in_one_round_trip(play: Scene) -> None:
    topic = Topic.objects.get(name="invoice.paid")
    event = Event(pk=10_000_000, topic=topic, message_id="given", payload=1)
    with transaction.atomic(), round_trips() as trips, collected():
        save_with_history(event, reason="first")
        event.revision = 2
        save_with_history(event, reason="second", fields=["revision"])

    assert len(trips) == 1
    kept = Event.objects.get(pk=10_000_000).history.order_by("history_id")
    assert [(row.history_change_reason, row.revision) for row in kept] == [
        ("first", 1),
        ("second", 2),
    ]


def test_one_row_of_several_that_is_gone_fails_all(play: Scene) -> None:
    first, gone = Event.objects.order_by("pk")[:2]
    gone.pk = 0

    def change() -> None:
        with transaction.atomic(), collected():
            for event in (first, gone):
                event.revision = 7
                save_with_history(event, reason="alike", fields=["revision"])

    with pytest.raises(DatabaseError, match=r"Not 2, but 1 rows were written\."):
        change()
    assert Event.objects.get(pk=first.pk).revision == 1


def test_the_end_of_the_transaction_goes_along_with_the_last_writes(play: Scene) -> None:
    lane, told = LaneState.objects.get(handler__name="Pay"), []
    with transaction.atomic(), round_trips() as trips:
        transaction.on_commit(lambda: told.append("committed"))
        with collected(commit=True):
            lane.state = {"seen": 1}
            update(lane, ["state"])
        assert connection.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert told == []

    assert len(trips) == 1
    assert told == ["committed"]
    assert LaneState.objects.get(pk=lane.pk).state == {"seen": 1}


def test_a_block_that_fails_at_its_end_commits_nothing(play: Scene) -> None:
    lane, topic = LaneState.objects.get(handler__name="Pay"), Topic.objects.get(name="invoice.paid")

    def change() -> None:
        with transaction.atomic(), collected(commit=True):
            lane.state = {"seen": 1}
            update(lane, ["state"])
            insert(Topic(workflow_id=topic.workflow_id, name=topic.name))

    with pytest.raises(DatabaseError, match="one_topic_per_name"):
        change()
    assert LaneState.objects.get(pk=lane.pk).state is None
    assert not connection.in_atomic_block


def test_a_block_that_fails_before_its_end_commits_nothing(play: Scene) -> None:
    lane = LaneState.objects.get(handler__name="Pay")

    def change() -> None:
        with transaction.atomic(), collected(commit=True):
            lane.state = {"seen": 1}
            update(lane, ["state"])
            raise LookupError

    with pytest.raises(LookupError):
        change()
    assert LaneState.objects.get(pk=lane.pk).state is None
    assert not connection.in_atomic_block


def test_reading_after_a_flush_sees_what_was_written(play: Scene) -> None:
    lanes = Compiled(lambda pk: LaneState.objects.filter(pk=pk))
    lane = LaneState.objects.get(handler__name="Pay")
    with transaction.atomic(), round_trips() as trips, collected():
        lane.state = {"seen": 2}
        update(lane, ["state"])
        ((found,),) = flush((lanes, (lane.pk,)))

    assert found.state == {"seen": 2}
    assert len(trips) == 1


def test_a_row_that_is_gone_fails_all_also_when_the_end_goes_along(play: Scene) -> None:
    lane, event = LaneState.objects.get(handler__name="Pay"), Event.objects.earliest("pk")
    event.pk = 0

    def change() -> None:
        with transaction.atomic(), collected(commit=True):
            lane.state = {"seen": 1}
            update(lane, ["state"])
            event.revision = 7
            save_with_history(event, reason="why", fields=["revision"])

    with pytest.raises(DatabaseError, match=r"Not 1, but 0 rows were written\."):
        change()
    assert LaneState.objects.get(pk=lane.pk).state is None
