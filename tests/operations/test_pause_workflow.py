"""Pause: no new run starts, and what has begun outside still gets settled (P3)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.operations.readiness import (
    SEES_DECISIONS,
    SceneMaker,
    decided,
    may_only,
    refusal,
)
from workflows_app.models import Workflow
from workflows_app.operations import pause_workflow, resume_workflow

pytestmark = pytest.mark.django_db


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
