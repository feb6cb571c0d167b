"""Run now: all producers of a workflow are due, whatever else of it is under way."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.operations.readiness import SceneMaker, decided, everything, refusal
from tests.scenes import workflow_with
from workflows_app.operations import pause_workflow, run_producers_now
from workflows_app.operations.run_producers_now import RUN_PRODUCERS_NOW
from workflows_app.testing import registered

pytestmark = pytest.mark.django_db


def test_who_comes_after_somebody_paused_is_told_that_and_not_who_ran_them_last(
    scene: SceneMaker, operator_user: User
) -> None:
    workflow = scene().workflow
    run_producers_now(workflow, actor=operator_user, reason="test")
    paused = pause_workflow(workflow, actor=operator_user, reason="the bank is closed")
    root = User.objects.create_superuser("root")
    assert refusal(run_producers_now, workflow, root) == (
        "already_paused",
        f"Workflow pay is paused. Resume it first. {decided(paused)}",
    )


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
