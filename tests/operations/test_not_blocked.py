"""What settles a blocked run is refused for any other run, and says who was quicker (P1, P4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.operations.readiness import SceneMaker, decided, mute, refusal
from workflows_app.models import OperatorAction, Run
from workflows_app.operations import (
    it_didnt_happen,
    it_happened,
    retry_failed_run,
    skip_run,
    try_again,
)

pytestmark = pytest.mark.django_db

Settle = Callable[..., OperatorAction]

SETTLE = [try_again, it_happened, it_didnt_happen, skip_run]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("applied", "committed"), ("rejected", "failed"), ("timeout", "reconciling")],
)
def test_a_run_that_is_not_blocked_is_refused(
    scene: SceneMaker, operator_user: User, outcome: str, status: str
) -> None:
    mutator = mute(outcome)
    mutator.policy = {"reconcile_attempts": 2}
    run = scene(mutator=mutator).happens(days=0)

    for settle in SETTLE:
        assert refusal(settle, run, operator_user) == (
            "not_blocked",
            f"Run {run.pk} is not blocked: it is {status}.",
        )


@pytest.mark.parametrize(
    ("quicker", "status"),
    [
        (try_again, "reconciling"),
        (it_happened, "active"),
        (it_didnt_happen, "failed"),
        (skip_run, "active"),
    ],
    ids=["after_try_again", "after_it_happened", "after_it_didnt_happen", "after_skip_run"],
)
def test_a_second_press_is_told_who_did_what(
    scene: SceneMaker, operator_user: User, quicker: Settle, status: str
) -> None:
    run = scene(mutator=mute()).happens(days=0)
    first = quicker(Run.objects.get(pk=run.pk), actor=operator_user, reason="I was first")
    root = User.objects.create_superuser("second")

    for settle in SETTLE:
        assert refusal(settle, run, root) == (
            "not_blocked",
            f"Run {run.pk} is not blocked: it is {status}. {decided(first)}",
        )


def test_after_it_didnt_happen_there_is_nothing_to_retry(blocked: Run, operator_user: User) -> None:
    first = it_didnt_happen(blocked, actor=operator_user, reason="I was first")
    retry = Run.objects.get(retry_of=blocked)

    assert refusal(retry_failed_run, blocked, operator_user) == (
        "not_latest",
        f"Run {blocked.pk} was retried already, by run {retry.pk}. {decided(first)}",
    )
