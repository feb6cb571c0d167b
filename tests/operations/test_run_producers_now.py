"""Run now: all producers of a workflow are due, whatever else of it is under way."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.operations.readiness import SceneMaker, changed, everything, refusal, told
from tests.scenes import Quiet, workflow_with
from workflows_app.models import Handler, LaneState, Run
from workflows_app.operations import pause_workflow, run_producers_now
from workflows_app.operations.run_producers_now import RUN_PRODUCERS_NOW
from workflows_app.testing import drain, registered, scripted

pytestmark = pytest.mark.django_db


def test_all_producers_of_the_workflow_are_due_and_no_other_handler(
    scene: SceneMaker, operator_user: User
) -> None:
    other = scene(slug="other")
    code = workflow_with(scripted())
    code.producers = [Quiet, type("Second", (Quiet,), {"name": "Second"})]
    with registered(code):
        drain()
        workflow = Handler.objects.filter(workflow__slug="pay")[0].workflow
        before = everything()

        action = run_producers_now(workflow, actor=operator_user, reason="the supplier waits")

        news = changed(before, everything())
        assert sorted(news) == ["HistoricalWorkflow", "LaneState", "Lease", "OperatorAction"]
        producers = workflow.handlers.filter(kind="producer")
        assert sorted(row["handler_id"] for row in news["LaneState"]) == sorted(
            producers.values_list("pk", flat=True)
        )
        assert all(producer.wake_at <= timezone.now() for producer in producers)
        assert told(workflow.history)[-1] == ("active", "the supplier waits", "olga")
        assert (action.workflow, action.run, action.event) == (workflow, None, None)
        drain()

    states = LaneState.objects.filter(handler__kind="producer").values_list(
        "handler__workflow__slug", "lane", "state"
    )
    assert sorted(states, key=str) == [
        (other.slug, own_lane("Quiet"), {"polls": 1}),
        ("pay", own_lane("Quiet"), {"polls": 2}),
        ("pay", own_lane("Second"), {"polls": 2}),
    ]


def own_lane(producer: str) -> str:
    return Handler(name=producer, kind=Handler.Kind.PRODUCER).own_lane


def test_a_producer_that_the_code_no_longer_has_stays_asleep(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene()
    code = workflow_with(play.mutator)
    code.version = "1.1"
    code.producers = []
    with registered(code):
        assert not RUN_PRODUCERS_NOW.applies(play.workflow)
        before = everything()["LaneState"]
        run_producers_now(play.workflow, actor=operator_user, reason="the supplier waits")
        assert everything()["LaneState"] == before


def test_a_paused_workflow_is_refused(scene: SceneMaker, operator_user: User) -> None:
    workflow = scene().workflow
    pause_workflow(workflow, actor=operator_user, reason="holidays")

    assert refusal(run_producers_now, workflow, operator_user) == (
        "already_paused",
        "Workflow pay is paused. Resume it first.",
    )


def test_a_blocked_run_keeps_no_producer_from_polling(blocked: Run, operator_user: User) -> None:
    polls = Run.objects.filter(handler__kind="producer")
    before = polls.count()

    run_producers_now(blocked.workflow, actor=operator_user, reason="the supplier waits")
    drain("pay")

    assert polls.count() == before + 1
    assert Run.objects.get(pk=blocked.pk).status == "blocked"


def test_a_failed_run_that_waits_keeps_no_producer_from_polling(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("rejected")
    run = play.happens(days=0)

    run_producers_now(play.workflow, actor=operator_user, reason="the supplier waits")
    play.run_host()

    newest = Run.objects.earliest("-pk")
    assert (newest.handler.name, newest.status) == ("Quiet", "committed")
    assert Run.objects.get(pk=run.pk).owes_retry
