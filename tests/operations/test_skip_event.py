"""Skip event: a pending event is excluded for good, and stays visible (P2, P6)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.operations.readiness import (
    SceneMaker,
    decided,
    refusal,
)
from tests.scenes import Scene, workflow_with
from workflows_app.models import Event, Run
from workflows_app.operations import skip_event, skip_run
from workflows_app.publishing import publish
from workflows_app.sdk import Consumer, PrepareContext, PrepareResult, Workflow
from workflows_app.testing import drain, registered

pytestmark = pytest.mark.django_db


def test_a_failed_run_with_another_event_left_still_owes_its_retry(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("refused", "applied")
    both = [play.publish("42"), play.publish("43")]
    with registered(pays_together(play)):
        play.run_host()
        run = Run.objects.get(owes_retry=True)
        assert run.reservations.count() == 2

        skip_event(both[0], actor=operator_user, reason="a duplicate")

        assert Run.objects.get(pk=run.pk).owes_retry
        drain("pay", now=run.retry_due_at)
    assert [Event.objects.get(pk=event.pk).status for event in both] == ["skipped", "consumed"]
    assert Run.objects.get(retry_of=run).status == "committed"


def pays_together(play: Scene) -> type[Workflow]:
    """Return the workflow at a version whose consumer takes all that is there at once."""
    code = workflow_with(play.mutator)
    (pay,) = code.consumers

    def prepare(self: Any, ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek("invoice.received")
        return PrepareResult(events, {"number": len(events)}, "Pay all")

    code.consumers = [type("Pay", (pay,), {"prepare": prepare})]
    code.version = "1.1"
    return code


def test_an_event_that_went_to_another_lane_frees_the_lane_of_its_failed_run(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("rejected", "applied")
    with registered(pays_by_supplier(play)):
        moved = play.publish("42", {"to": "ACME"})
        play.run_host()
        run = Run.objects.get(owes_retry=True)
        play.publish("42", {"to": "Widgets"})
        later = play.publish("43", {"to": "ACME"})
        assert Event.objects.get(pk=moved.pk).lane == "Widgets"

        skip_event(moved, actor=operator_user, reason="a duplicate")
        play.run_host()

    assert not Run.objects.get(pk=run.pk).owes_retry
    assert Event.objects.get(pk=later.pk).status == "consumed"


def test_of_two_lanes_whose_runs_took_nothing_the_other_one_still_owes(
    scene: SceneMaker, operator_user: User
) -> None:
    def prepare(self: Any, ctx: PrepareContext, state: Any) -> PrepareResult:
        raise ValueError("no such supplier")

    play = scene()
    code = pays_by_supplier(play)
    code.consumers = [type("Pay", tuple(code.consumers), {"prepare": prepare})]
    with registered(code):
        events = [play.publish("42", {"to": "ACME"}), play.publish("43", {"to": "Widgets"})]
        play.run_host()
        owing = Run.objects.filter(owes_retry=True)
        assert {run.lane for run in owing} == {"ACME", "Widgets"}

        skip_event(events[0], actor=operator_user, reason="a duplicate")

    assert [run.lane for run in owing.all()] == ["Widgets"]


def test_a_run_that_took_nothing_was_about_the_oldest_event_of_all_its_consumer_s_topics(
    scene: SceneMaker, operator_user: User
) -> None:
    def prepare(self: Any, ctx: PrepareContext, state: Any) -> PrepareResult:
        raise ValueError("no such supplier")

    code = workflow_with(scene().mutator)
    (pay,) = code.consumers
    topics = ["invoice.received", "invoice.reminded"]
    pays = type("Pay", (pay,), {"subscribes": topics, "prepare": prepare})
    files = type("File", (Consumer,), {"subscribes": ["invoice.filed"], "prepare": nothing})
    code.consumers, code.version = [pays, files], "1.1"
    with registered(code):
        other, oldest, newer = (
            publish(workflow="pay", topic=topic, message_id="42", payload=0)
            for topic in ("invoice.filed", "invoice.reminded", "invoice.received")
        )
        drain("pay")
        for event, owes in ((other, True), (newer, True), (oldest, False)):
            skip_event(event, actor=operator_user, reason="a duplicate")
            assert Run.objects.get(handler__name="Pay").owes_retry is owes


def nothing(self: Any, ctx: PrepareContext, state: Any) -> PrepareResult:
    return PrepareResult.nothing()


def pays_by_supplier(play: Scene) -> type[Workflow]:
    """Return the workflow at a version whose consumer has a lane for each supplier."""
    code = workflow_with(play.mutator)
    (pay,) = code.consumers
    code.consumers = [type("Pay", (pay,), {"lane": lambda self, event: event.payload["to"]})]
    code.version = "1.1"
    return code


def test_an_event_skipped_with_its_run_tells_by_whom(blocked: Run, operator_user: User) -> None:
    event = Event.objects.get()
    first = skip_run(blocked, actor=operator_user, reason="no longer needed")

    assert refusal(skip_event, event, operator_user) == (
        "not_pending",
        f"Event 42 can't be skipped: it is no longer pending but skipped. {decided(first)}",
    )
