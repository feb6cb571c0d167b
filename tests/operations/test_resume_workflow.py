"""Resume: new runs may start again, and nothing that waits for a person is unblocked (P3)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.operations.readiness import (
    SEES_DECISIONS,
    SceneMaker,
    changed,
    decided,
    everything,
    may_only,
    refusal,
    told,
)
from workflows_app.models import Run
from workflows_app.operations import pause_workflow, resume_workflow

pytestmark = pytest.mark.django_db


def test_the_workflow_is_active_and_nothing_else_changes(
    scene: SceneMaker, operator_user: User
) -> None:
    workflow = scene().workflow
    pause_workflow(workflow, actor=operator_user, reason="holidays")
    before = everything()

    action = resume_workflow(workflow, actor=operator_user, reason="back")

    news = changed(before, everything())
    assert sorted(news) == ["HistoricalWorkflow", "Lease", "OperatorAction", "Workflow"]
    assert news["Workflow"] == [{**before["Workflow"][workflow.pk], "status": "active"}]
    assert told(workflow.history)[-1] == ("active", "back", "olga")
    assert (action.workflow, action.run, action.event) == (workflow, None, None)


@pytest.mark.parametrize(("outcome", "status"), [("lost", "blocked"), ("rejected", "failed")])
def test_what_waits_for_a_person_waits_on(
    scene: SceneMaker, operator_user: User, outcome: str, status: str
) -> None:
    play = scene(outcome)
    run = play.happens(days=0)
    pause_workflow(play.workflow, actor=operator_user, reason="holidays")
    waiting = Run.objects.filter(pk=run.pk).values().get()

    resume_workflow(play.workflow, actor=operator_user, reason="back")
    play.run_host(timezone.now() + timedelta(days=30))

    assert waiting["status"] == status
    assert Run.objects.filter(pk=run.pk).values().get() == waiting
    assert play.workflow.is_blocked
    assert len(play.mutator.calls) == 1


def test_a_workflow_that_was_never_paused_is_refused(
    scene: SceneMaker, operator_user: User
) -> None:
    assert refusal(resume_workflow, scene().workflow, operator_user) == (
        "not_paused",
        "Workflow pay is not paused.",
    )


def test_a_second_press_is_told_who_did_what(scene: SceneMaker, operator_user: User) -> None:
    workflow = scene().workflow
    pause_workflow(workflow, actor=operator_user, reason="holidays")
    first = resume_workflow(workflow, actor=operator_user, reason="I was first")

    assert refusal(
        resume_workflow, workflow, may_only("second", "pause_workflow", SEES_DECISIONS)
    ) == (
        "not_paused",
        f"Workflow pay is not paused. {decided(first)}",
    )
