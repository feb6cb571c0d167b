"""Run now: all producers of a workflow are due, if nothing of it is under way."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.operations.readiness import SceneMaker, changed, everything, refusal, told
from tests.scenes import Quiet, workflow_with
from workflows_app.models import Handler, Run
from workflows_app.operations import pause_workflow, run_producers_now
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
        assert sorted(news) == ["Handler", "HistoricalWorkflow", "Lease", "OperatorAction"]
        assert sorted((row["name"], row["workflow_id"]) for row in news["Handler"]) == [
            ("Quiet", workflow.pk),
            ("Second", workflow.pk),
        ]
        assert all(row["wake_at"] <= timezone.now() for row in news["Handler"])
        assert told(workflow.history)[-1] == ("active", "the supplier waits", "olga")
        assert (action.workflow, action.run, action.event) == (workflow, None, None)
        drain()

    states = Handler.objects.filter(kind="producer").values_list("workflow__slug", "name", "state")
    assert sorted(states, key=str) == [
        (other.slug, "Quiet", {"polls": 1}),
        ("pay", "Quiet", {"polls": 2}),
        ("pay", "Second", {"polls": 2}),
    ]


def test_a_producer_that_the_code_no_longer_has_stays_asleep(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene()
    code = workflow_with(play.mutator)
    code.version = "1.1"
    code.producers = []
    with registered(code):
        gone = Handler.objects.get(kind="producer")
        run_producers_now(play.workflow, actor=operator_user, reason="the supplier waits")
        assert Handler.objects.get(pk=gone.pk).wake_at == gone.wake_at


def test_a_paused_workflow_is_refused(scene: SceneMaker, operator_user: User) -> None:
    workflow = scene().workflow
    pause_workflow(workflow, actor=operator_user, reason="holidays")

    assert refusal(run_producers_now, workflow, operator_user) == (
        "already_paused",
        "Workflow pay is paused. Resume it first.",
    )


def test_while_a_run_is_open_it_is_refused(blocked: Run, operator_user: User) -> None:
    assert refusal(run_producers_now, blocked.workflow, operator_user) == (
        "run_open",
        f"Run {blocked.pk} of workflow pay is still blocked. Producers run when it is done.",
    )


def test_behind_an_owed_retry_the_producers_wait_their_turn(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("rejected")
    run = play.happens(days=0)

    run_producers_now(play.workflow, actor=operator_user, reason="the supplier waits")
    play.run_host()

    assert list(Run.objects.values_list("pk", flat=True).order_by("-pk"))[:1] == [run.pk]
    assert Handler.objects.get(kind="producer").wake_at <= timezone.now()
