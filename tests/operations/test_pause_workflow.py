"""Pause: no new run starts, and what has begun outside still gets settled (P3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.operations.authors import Recorded
from tests.operations.readiness import (
    SceneMaker,
    changed,
    decided,
    everything,
    may_only,
    mute,
    refusal,
    told,
)
from workflows_app.models import Event, Run, Workflow
from workflows_app.operations import pause_workflow, resume_workflow
from workflows_app.sdk import Reconciliation

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


def test_no_new_run_starts_however_much_is_due(scene: SceneMaker, operator_user: User) -> None:
    play = scene()
    play.run_host()
    runs = Run.objects.count()
    play.publish()
    pause_workflow(play.workflow, actor=operator_user, reason="holidays")

    play.run_host(timezone.now() + timedelta(days=30))

    assert Run.objects.count() == runs
    assert Event.objects.get().status == "pending"
    assert play.mutator.calls == []


def test_an_owed_retry_from_prepare_waits(scene: SceneMaker, operator_user: User) -> None:
    play = scene("refused", "applied")
    run = play.happens(days=0)
    pause_workflow(play.workflow, actor=operator_user, reason="holidays")

    play.run_host(timezone.now() + timedelta(days=30))

    assert not Run.objects.filter(retry_of=run).exists()


def test_an_unknown_outcome_is_still_reconciled(scene: SceneMaker, operator_user: User) -> None:
    mutator = mute("lost")
    mutator.policy = {"reconcile_attempts": 3}
    play = scene(mutator=mutator)
    run = play.happens(days=0)
    assert run.status == "reconciling"
    pause_workflow(play.workflow, actor=operator_user, reason="holidays")
    mutator.reconcile = _found

    play.run_host(timezone.now() + timedelta(hours=1))

    assert Run.objects.get(pk=run.pk).status == "committed"


def _found(self: Any, params: Any, *, idempotency_key: str) -> Reconciliation:
    return Reconciliation.applied({"number": 1})


def test_a_next_that_is_missing_still_runs(
    recorded: Callable[..., Recorded], operator_user: User
) -> None:
    play = recorded("applied", next_plays=("transient",))
    run = play.happens(days=0)
    assert run.status == "failed"
    pause_workflow(play.workflow, actor=operator_user, reason="holidays")

    play.run_host(timezone.now() + timedelta(hours=1))

    assert Run.objects.get(retry_of=run).status == "committed"


def test_a_second_press_is_told_who_did_what(scene: SceneMaker, operator_user: User) -> None:
    workflow = scene().workflow
    pause_workflow(workflow, actor=operator_user, reason="last week")
    resume_workflow(workflow, actor=operator_user, reason="holidays are over")
    first = pause_workflow(workflow, actor=operator_user, reason="I was first")

    assert refusal(pause_workflow, workflow, may_only("second", "pause_workflow")) == (
        "already_paused",
        f"Workflow pay is paused already. {decided(first)}",
    )
    assert Workflow.objects.get().status == "paused"
