"""Publishers in open transactions against each other and against the host (P2, P5).

Publishing takes no lock of the workflow, so these races are about rows of events alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from tests.concurrency.stage import SLUG, TOPIC, Stage
from tests.eventually import eventually
from tests.jobs import empty_queue, jobs
from tests.rivals import Rival, waiting_for_locks
from workflows_app.dispatch import due_workflows
from workflows_app.models import Arrival, Event, EventInput, Mutation, OperatorAction
from workflows_app.operations import pause_workflow, resume_workflow, skip_event
from workflows_app.publishing import publish, register_input
from workflows_app.testing import drain


class Changed(Exception):
    """What makes a publisher give up its transaction."""


def publisher(
    scene: Stage, *message_ids: str, payload: Any = None, gives_up: bool = False
) -> Callable[[], None]:
    """Return an application's transaction that publishes each of `message_ids`.

    It stands at the point of its payload before it commits.
    """

    def run() -> None:
        with transaction.atomic():
            for message_id in message_ids:
                scene.publish(message_id, payload)
            scene.passes(f"commit {payload}")
            if gives_up:
                raise Changed

    return run


def test_an_event_that_commits_after_the_host_looked_is_found(stage: Callable[..., Stage]) -> None:
    scene = stage()
    scene.hold("commit slow")
    slow = Rival(publisher(scene, "42", payload="slow"))
    scene.wait_for("commit slow")
    drain(SLUG)
    assert scene.told() == "0 effects"
    empty_queue()
    assert due_workflows(timezone.now()) == set()

    scene.release("commit slow")
    slow.result()

    assert jobs() == [f"workflows_app.advance workflow:{scene.row.pk} todo"]
    assert due_workflows(timezone.now()) == {scene.row.pk}
    drain(SLUG)
    assert scene.told() == "committed committed (applied); 42 consumed; 1 effects"


def test_events_that_commit_out_of_order_are_all_found(stage: Callable[..., Stage]) -> None:
    scene = stage()
    scene.hold("commit slow")
    slow = Rival(publisher(scene, "41", payload="slow"))
    scene.wait_for("commit slow")
    Rival(publisher(scene, "42", payload="quick")).result()
    drain(SLUG)
    assert scene.told() == "committed committed (applied); 42 consumed; 1 effects"
    # The run that took 42 has seen all arrivals there were.
    assert not Arrival.objects.filter(topic__name=TOPIC).exists()

    scene.release("commit slow")
    slow.result()
    # The process that published was killed before it could tell anybody.
    empty_queue()

    assert due_workflows(timezone.now()) == {scene.row.pk}
    drain(SLUG)
    assert scene.told() == (
        "committed committed (applied); committed committed (applied);"
        " 41 consumed; 42 consumed; 2 effects"
    )


@pytest.mark.parametrize(
    ("first_gives_up", "payload", "revision", "causes"),
    [(False, "second", 2, ["a", "b"]), (True, "second", 1, ["b"])],
)
def test_two_publishers_of_one_message_make_one_event_with_both_causes(
    stage: Callable[..., Stage],
    first_gives_up: bool,
    payload: str,
    revision: int,
    causes: list[str],
) -> None:
    scene = stage()

    def publish_for(cause: str, payload: str, gives_up: bool) -> None:
        with transaction.atomic():
            mail = register_input(workflow=SLUG, source="mail", type="mail", external_id=cause)
            publish(workflow=SLUG, topic=TOPIC, message_id="42", payload=payload, input=mail)
            scene.passes(f"commit {payload}")
            if gives_up:
                raise Changed

    scene.hold("commit first")
    first = Rival(partial(publish_for, "a", "first", first_gives_up))
    scene.wait_for("commit first")
    second = Rival(partial(publish_for, "b", "second", False))
    eventually(waiting_for_locks, 1)
    scene.release("commit first")
    if first_gives_up:
        with pytest.raises(Changed):
            first.result()
    else:
        first.result()
    second.result()

    event = Event.objects.get(topic__name=TOPIC)
    assert (event.payload, event.revision, event.status) == (payload, revision, "pending")
    told = EventInput.objects.filter(event=event).order_by("input__external_id")
    assert list(told.values_list("input__external_id", flat=True)) == causes


def test_an_event_that_is_being_changed_is_not_reserved_as_it_was(
    stage: Callable[..., Stage], operator_user: User
) -> None:
    scene = stage()
    scene.publish("42", "old")
    scene.hold("prepare", "commit new")
    worker = scene.worker()
    scene.wait_for("prepare")
    changer = Rival(publisher(scene, "42", payload="new"))
    scene.wait_for("commit new")

    # The checkpoint does not wait for the application, and nobody has to wait for the checkpoint.
    scene.let_through("prepare")
    scene.wait_for("prepare")
    assert scene.told() == "active preparing; 42 pending; 0 effects"
    pause_workflow(scene.row, actor=operator_user, reason="month end")
    resume_workflow(scene.row, actor=operator_user, reason="month end is over")
    scene.release("commit new")
    changer.result()
    scene.release("prepare")
    worker.result()

    assert Mutation.objects.get().params == {"paying": ["new"]}
    assert scene.told() == "committed committed (applied); 42 consumed; 1 effects"


def test_a_publisher_and_a_checkpoint_that_want_the_same_events_never_deadlock(
    stage: Callable[..., Stage],
) -> None:
    scene = stage(limit=2)
    scene.publish("41", "old")
    scene.publish("42", "old")
    scene.hold("prepare", "changed 42")
    worker = scene.worker()
    scene.wait_for("prepare")

    def change_both() -> None:
        with transaction.atomic():
            scene.publish("42", "new")
            scene.passes("changed 42")
            scene.publish("41", "new")

    changer = Rival(change_both)
    scene.wait_for("changed 42")
    scene.let_through("prepare")
    scene.wait_for("prepare")
    scene.release("changed 42")
    changer.result()
    scene.release("prepare")
    worker.result()

    assert Mutation.objects.get().params == {"paying": ["new", "new"]}
    assert scene.told() == "committed committed (applied); 41 consumed; 42 consumed; 1 effects"


def test_an_application_that_publishes_and_decides_never_deadlocks_with_a_person(
    stage: Callable[..., Stage], operator_user: User
) -> None:
    scene = stage()
    event = scene.publish("42", "old")
    row = scene.row
    scene.hold("changed")

    def change_and_pause() -> None:
        with transaction.atomic():
            scene.publish("42", "new")
            scene.passes("changed")
            pause_workflow(row, actor=operator_user, reason="month end")

    application = Rival(change_and_pause)
    scene.wait_for("changed")
    person = Rival(partial(skip_event, event, actor=operator_user, reason="a duplicate"))
    eventually(waiting_for_locks, 1)
    scene.release("changed")
    application.result()
    person.result()

    event.refresh_from_db()
    assert (event.payload, event.status) == ("new", "skipped")
    assert scene.row.status == "paused"
    decided = OperatorAction.objects.order_by("pk").values_list("operation", flat=True)
    assert list(decided) == ["pause_workflow", "skip_event"]
