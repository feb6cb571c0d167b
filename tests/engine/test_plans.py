"""What the host asks costs the same however much was done before: no table is read to its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from tests.owner import as_owner
from tests.plans import FEW, fill, watched
from tests.scenes import Scene
from workflows_app import dispatch, operations
from workflows_app.models import Event, Run, Topic

pytestmark = pytest.mark.django_db

SURE = "I looked"


class Stories:
    """What can happen to an event, from its publication to a person's last decision."""

    def __init__(self, scene: Callable[..., Scene], actor: User) -> None:
        self.answering = scene("applied", "applied", "timeout", "applied", "rejected", "applied",
                               slug="answering", reconcilable=True)  # fmt: skip
        self.silent = scene("lost", slug="silent")
        self.decided: dict[str, Any] = {"actor": actor, "reason": SURE}

    def finished(self) -> list[Event]:
        """Return an event that is done, to be copied."""
        return list(Event.objects.filter(reservations__run=self.answering.happens("first")))

    def an_event(self) -> str:
        return str(self.answering.happens("2").status)

    def published_again(self) -> str:
        self.answering.publish("again", {"amount": "1"})
        event = self.answering.publish("again", {"amount": "2"})
        return str(operations.skip_event(event, **self.decided).operation)

    def asked_whether_it_happened(self) -> str:
        return str(self.answering.happens("3").status)

    def rejected_and_retried(self) -> str:
        run = self.answering.happens("4")
        operations.retry_failed_run(run, **self.decided)
        self.answering.run_host()
        return str(Run.objects.get(retry_of=run).status)

    def blocked_and_done_again(self) -> str:
        run = self.silent.happens("5")
        operations.it_didnt_happen(run, **self.decided)
        self.silent.run_host()
        return str(Run.objects.get(retry_of=run).status)

    def skipped(self) -> str:
        run = Run.objects.get(workflow__slug="silent", status="blocked")
        operations.skip_run(run, **self.decided)
        self.silent.run_host()
        return str(Run.objects.get(pk=run.pk).status)

    def paused_and_polled(self) -> str:
        workflow = self.answering.workflow
        operations.pause_workflow(workflow, **self.decided)
        operations.resume_workflow(workflow, **self.decided)
        operations.run_producers_now(workflow, **self.decided)
        self.answering.run_host(timezone.now() + timedelta(hours=2))
        newest = Run.objects.filter(workflow=workflow).order_by("-pk")[0]
        return f"{newest.handler.kind} {newest.status}"

    def swept(self) -> int:
        self.answering.publish("6")
        return len(dispatch.due_workflows(timezone.now() + timedelta(days=2)))


TOLD: dict[Callable[[Stories], Any], Any] = {
    Stories.an_event: "committed",
    Stories.published_again: "skip_event",
    Stories.asked_whether_it_happened: "committed",
    Stories.rejected_and_retried: "committed",
    Stories.blocked_and_done_again: "blocked",
    Stories.skipped: "committed",
    Stories.paused_and_polled: "producer committed",
    Stories.swept: 2,
}


@pytest.fixture
def stories(scene: Callable[..., Scene], operator_user: User) -> Stories:
    return Stories(scene, operator_user)


def test_nothing_that_the_host_does_reads_what_was_done_before(
    stories: Stories, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(stories.finished(), 5_000)
    told, too_much, numbers = {}, {}, {}
    for story in TOLD:
        with watched(monkeypatch) as cost:
            told[story] = story(stories)
        numbers[story.__name__] = len(cost.sent)
        too_much[story.__name__] = cost.too_much()

    assert told == TOLD
    assert too_much == {story.__name__: [] for story in TOLD}
    assert numbers["an_event"] > 10


def test_nor_what_waits_for_others(stories: Stories, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where many wait in each topic, PostgreSQL takes one to be near wherever it begins to look."""
    own = stories.answering.publish("1").topic
    silent = stories.silent.workflow
    others = [Topic.objects.create(workflow=silent, name=f"other-{n}") for n in range(15)]
    waiting = [
        Event(topic=topic, message_id=f"waiting-{number}", payload={"text": "x" * 1000})
        for number in range(400)
        for topic in [own, *others]
    ]
    Event.objects.bulk_create(waiting)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE workflows_app_event")
    Event.objects.filter(topic=own).update(status=Event.Status.SKIPPED)
    with watched(monkeypatch) as cost:
        told = stories.an_event()

    assert told == "committed"
    assert cost.rows_read["workflows_app_event"] <= FEW


@pytest.mark.parametrize(
    ("index", "story"),
    [
        ("event_pending", Stories.an_event),
        ("event_reserved", Stories.asked_whether_it_happened),
    ],
)
def test_without_one_of_its_indexes_it_would(
    stories: Stories,
    monkeypatch: pytest.MonkeyPatch,
    index: str,
    story: Callable[[Stories], Any],
) -> None:
    fill(stories.finished(), 2_000)
    stories.an_event()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {index}")
    with watched(monkeypatch) as cost:
        story(stories)

    assert cost.too_much() != []
