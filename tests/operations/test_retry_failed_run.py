"""Retry now: refused where it could send twice or somebody was quicker; else nobody waits for the backoff (P1)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.operations.readiness import SceneMaker, refusal
from tests.scenes import Scene, workflow_with
from workflows_app import registry
from workflows_app.engine.versions import sync
from workflows_app.models import Run
from workflows_app.operations import pause_workflow, resume_workflow, retry_failed_run
from workflows_app.sdk import Consumer, PrepareContext, PrepareResult, Workflow
from workflows_app.testing import drain

pytestmark = pytest.mark.django_db


def at(version: str, play: Scene) -> type[Workflow]:
    """Return the code of the scene at this version."""
    code = workflow_with(play.mutator)
    code.version = version
    return code


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


class PayOtherwise(Consumer):
    """Takes the place of the consumer, and is broken."""

    subscribes = ["invoice.received"]

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        raise ValueError("not ready yet")


def test_a_failed_run_whose_handler_had_gone_is_retried_when_no_other_comes_first(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("rejected", "applied")
    run = play.happens(days=0)
    other = at("1.1", play)
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

    again = at("1.2", play)
    with registry.override(again):
        sync(again, accept_orphans=True)
        retry_failed_run(run, actor=operator_user, reason="the handler is back")
        drain("pay")
    assert Run.objects.get(retry_of=run).status == "committed"


def test_a_retry_after_exhausted_backoff_starts_the_backoff_anew(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("refused")
    play.happens(days=6)
    run = Run.objects.get(owes_retry=True)
    # In a lane of the same name, of another workflow.
    assert scene("lost", slug="other").happens(days=0).status == "blocked"
    assert (run.earlier_failures, run.retry_due_at) == (5, None)

    retry_failed_run(run, actor=operator_user, reason="the bank is back")
    play.run_host()

    retry = Run.objects.get(retry_of=run)
    assert (retry.status, retry.earlier_failures) == ("failed", 0)
    assert retry.retry_due_at is not None


@pytest.mark.parametrize(
    ("answers", "days", "failures"),
    [(("refused", "refused", "rejected", "refused"), 3, 2), (("refused",), 6, 5)],
    ids=["after a failure of another kind", "after the last retry"],
)
def test_new_code_starts_the_backoff_anew(
    scene: SceneMaker, answers: tuple[str, ...], days: int, failures: int
) -> None:
    play = scene(*answers)
    play.happens(days=days)
    failed = Run.objects.get(owes_retry=True)
    assert (failed.earlier_failures, failed.retry_due_at) == (failures, None)

    new = at("1.1", play)
    with registry.override(new):
        sync(new)
        drain("pay")

    retry = Run.objects.get(retry_of=failed)
    assert (retry.failure_kind, retry.earlier_failures) == ("transient", 0)
    assert retry.retry_due_at is not None
