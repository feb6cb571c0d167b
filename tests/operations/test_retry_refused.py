"""Retry now is refused wherever it could send twice, or somebody was quicker (P1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.operations.authors import Recorded
from tests.operations.readiness import SEES_DECISIONS, SceneMaker, decided, may_only, mute, refusal
from workflows_app import registry
from workflows_app.engine.versions import sync
from workflows_app.models import Event, Run
from workflows_app.operations import (
    pause_workflow,
    resume_workflow,
    retry_failed_run,
    skip_event,
)
from workflows_app.sdk import Consumer, PrepareContext, PrepareResult
from workflows_app.testing import drain

pytestmark = pytest.mark.django_db

RecordedMaker = Callable[..., Recorded]


def test_a_failed_run_is_retried_once(scene: SceneMaker, operator_user: User) -> None:
    play = scene("rejected")
    run = play.happens(days=0)
    first = retry_failed_run(run, actor=operator_user, reason="I was first")
    retry = Run.objects.get(retry_of=run)
    expected = (
        "not_latest",
        f"Run {run.pk} was retried already, by run {retry.pk}. {decided(first)}",
    )

    second = may_only("second", "retry_failed_run", SEES_DECISIONS)
    assert refusal(retry_failed_run, run, second) == expected
    play.run_host()
    assert Run.objects.get(pk=retry.pk).status == "failed"
    assert refusal(retry_failed_run, run, second) == expected


def test_a_run_that_the_host_retried_is_no_longer_the_latest(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("refused", "applied")
    run = play.happens(days=0)
    pause_workflow(play.workflow, actor=operator_user, reason="about nothing in particular")
    resume_workflow(play.workflow, actor=operator_user, reason="nor is this")
    drain("pay", now=run.retry_due_at)

    retry = Run.objects.get(retry_of=run)
    assert refusal(retry_failed_run, run, operator_user) == (
        "not_latest",
        f"Run {run.pk} was retried already, by run {retry.pk}.",
    )


@pytest.mark.parametrize(("attempts", "status"), [(1, "blocked"), (2, "reconciling")])
def test_an_unknown_outcome_is_never_retried(
    scene: SceneMaker, operator_user: User, attempts: int, status: str
) -> None:
    mutator = mute()
    mutator.policy = {"reconcile_attempts": attempts}
    run = scene(mutator=mutator).happens(days=0)
    assert run.status == status

    assert refusal(retry_failed_run, run, operator_user) == (
        "outcome_unknown",
        f"Run {run.pk} can't be retried: whether its outside effect happened is unknown. Settle"
        f" that first.",
    )


def test_a_committed_run_is_refused(scene: SceneMaker, operator_user: User) -> None:
    run = scene().happens(days=0)
    assert refusal(retry_failed_run, run, operator_user) == (
        "not_latest",
        f"Run {run.pk} has not failed: it is committed.",
    )


def test_a_crashed_run_is_left_to_the_host(recorded: RecordedMaker, operator_user: User) -> None:
    play = recorded()
    play.publish()
    play.mutate_plays = ["crash"]
    play.happens_until_crash()
    pause_workflow(play.workflow, actor=operator_user, reason="holidays")
    play.run_host()
    run = Run.objects.get()
    assert (run.status, run.owes_retry) == ("crashed", True)

    assert refusal(retry_failed_run, run, operator_user) == (
        "not_latest",
        f"Run {run.pk} has not failed: it is crashed.",
    )
    resume_workflow(play.workflow, actor=operator_user, reason="back")
    play.goes_on(days=1)
    assert Run.objects.get(retry_of=run).status == "committed"


def test_while_another_run_is_open_it_is_refused(scene: SceneMaker, operator_user: User) -> None:
    play = scene("rejected", "lost")
    failed = play.happens("42", days=0)
    skip_event(Event.objects.get(message_id="42"), actor=operator_user, reason="cancelled")
    open_run = play.happens("43", days=0)
    assert open_run.status == "blocked"

    assert refusal(retry_failed_run, failed, operator_user) == (
        "run_open",
        f"Run {failed.pk} can't be retried now: run {open_run.pk} of its lane is blocked.",
    )


class PayOtherwise(Consumer):
    """Takes the place of the consumer, and is broken."""

    subscribes = ["invoice.received"]

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        raise ValueError("not ready yet")


def test_a_failed_run_whose_handler_had_gone_is_retried_when_no_other_comes_first(
    recorded: RecordedMaker, operator_user: User
) -> None:
    play = recorded("rejected", "applied")
    run = play.happens(days=0)
    other = play.code("1.1")
    other.consumers = [PayOtherwise]
    with registry.override(other):
        sync(other, accept_orphans=True)
        drain("pay")
        first = Run.objects.get(owes_retry=True)
        assert (first.handler.name, Run.objects.get(pk=run.pk).owes_retry) == (
            "PayOtherwise",
            False,
        )

        assert refusal(retry_failed_run, run, operator_user) == (
            "run_open",
            f"Run {run.pk} can't be retried now: run {first.pk} of its lane has failed, and is"
            f" to be retried first.",
        )

    again = play.code("1.2")
    with registry.override(again):
        sync(again, accept_orphans=True)
        retry_failed_run(run, actor=operator_user, reason="the handler is back")
        drain("pay")
    assert Run.objects.get(retry_of=run).status == "committed"
