"""Pause: no new run starts, and what has begun outside still gets settled (P3)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

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
from workflows_app.models import Workflow
from workflows_app.operations import pause_workflow, resume_workflow

pytestmark = pytest.mark.django_db


def test_the_workflow_is_paused_and_nothing_else_changes(
    scene: SceneMaker, operator_user: User
) -> None:
    workflow = scene().workflow
    before = everything()

    action = pause_workflow(workflow, actor=operator_user, reason="holidays")

    news = changed(before, everything())
    assert sorted(news) == ["HistoricalWorkflow", "Lease", "OperatorAction", "Workflow"]
    assert news["Workflow"] == [{**before["Workflow"][workflow.pk], "status": "paused"}]
    assert told(workflow.history)[-1] == ("paused", "holidays", "olga")
    assert (action.workflow, action.run, action.event) == (workflow, None, None)


def test_a_second_press_is_told_who_did_what(scene: SceneMaker, operator_user: User) -> None:
    workflow = scene().workflow
    pause_workflow(workflow, actor=operator_user, reason="last week")
    resume_workflow(workflow, actor=operator_user, reason="holidays are over")
    first = pause_workflow(workflow, actor=operator_user, reason="I was first")

    sees_why = may_only("second", "pause_workflow", SEES_DECISIONS)
    sees_none = may_only("third", "pause_workflow")
    without_reason = decided(first).replace(": I was first", ".")
    for person, words in ((sees_why, decided(first)), (sees_none, without_reason)):
        assert refusal(pause_workflow, workflow, person) == (
            "already_paused",
            f"Workflow pay is paused already. {words}",
        )
    assert Workflow.objects.get().status == "paused"
