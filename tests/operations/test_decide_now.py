"""Decide now: the host stops asking, and the question goes to a person; nothing is settled (P1, P3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.operations.readiness import (
    SceneMaker,
    changed,
    decided,
    everything,
    mute,
    refusal,
    told,
)
from workflows_app.models import OperatorAction, Run
from workflows_app.operations import decide_now, it_didnt_happen, it_happened, skip_run, try_again
from workflows_app.queries.explanation import explain

pytestmark = pytest.mark.django_db

Operation = Callable[..., OperatorAction]


@pytest.fixture
def asked_about(scene: SceneMaker) -> Run:
    """A run about which the host will ask once more."""
    run = scene(mutator=mute(asked=2)).happens(days=0)
    assert run.status == "reconciling"
    return run


def test_the_run_is_blocked_and_keeps_its_events(asked_about: Run, operator_user: User) -> None:
    mutation, before = asked_about.mutation, everything()

    action = decide_now(asked_about, actor=operator_user, reason="I have the bank on the phone")

    news = changed(before, everything())
    assert sorted(news) == [
        "HistoricalMutation",
        "HistoricalRun",
        "LaneState",
        "Lease",
        "Mutation",
        "OperatorAction",
        "Run",
    ]
    assert news["Run"] == [{**before["Run"][asked_about.pk], "status": "blocked"}]
    assert news["Mutation"] == [
        {
            **before["Mutation"][mutation.pk],
            "status": "indeterminate",
            "next_reconcile_at": None,
        }
    ]
    reason = "I have the bank on the phone"
    assert told(asked_about.history)[-1] == ("blocked", reason, "olga")
    assert told(mutation.history)[-1] == ("indeterminate", reason, "olga")
    assert (action.run, action.event) == (asked_about, None)
    why = explain(Run.objects.get(pk=asked_about.pk)).why
    assert why == "still unknown, attempt 1: TimeoutError: the bank is away"


def test_the_host_asks_no_more_and_sends_nothing(scene: SceneMaker, operator_user: User) -> None:
    play = scene(mutator=mute(asked=5))
    run = play.happens(days=0)
    asked = len(play.mutator.reconciliations)
    decide_now(run, actor=operator_user, reason="I have the bank on the phone")

    play.run_host(timezone.now() + timedelta(days=3))

    assert Run.objects.get(pk=run.pk).status == "blocked"
    assert (len(play.mutator.calls), len(play.mutator.reconciliations)) == (1, asked)


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        (it_happened, "committed"),
        (it_didnt_happen, "failed"),
        (skip_run, "committed"),
        (try_again, "reconciling"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_then_every_decision_on_a_blocked_run_is_possible(
    scene: SceneMaker, operator_user: User, decision: Operation, status: str
) -> None:
    play = scene(mutator=mute("lost", asked=2))
    run = play.happens(days=0)
    decide_now(run, actor=operator_user, reason="I have the bank on the phone")

    decision(run, actor=operator_user, reason="they told me")
    play.run_host()

    assert Run.objects.get(pk=run.pk).status == status


@pytest.mark.parametrize(
    ("outcome", "status"), [("applied", "committed"), ("rejected", "failed"), ("lost", "blocked")]
)
def test_a_run_about_which_the_host_does_not_ask_is_refused(
    scene: SceneMaker, operator_user: User, outcome: str, status: str
) -> None:
    run = scene(outcome).happens(days=0)

    assert refusal(decide_now, run, operator_user) == (
        "not_reconciling",
        f"Run {run.pk} is not reconciling: it is {status}.",
    )


def test_a_second_press_is_told_who_was_first(asked_about: Run, operator_user: User) -> None:
    first = decide_now(asked_about, actor=operator_user, reason="I was first")
    root = User.objects.create_superuser("second")

    assert refusal(decide_now, asked_about, root) == (
        "not_reconciling",
        f"Run {asked_about.pk} is not reconciling: it is blocked. {decided(first)}",
    )
