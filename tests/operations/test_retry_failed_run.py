"""Retry now: nobody waits for the backoff, and what was applied is not sent again (P1, P2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.operations.authors import Recorded
from tests.operations.readiness import (
    SceneMaker,
)
from workflows_app.models import Event, Run
from workflows_app.operations import (
    retry_failed_run,
    skip_event,
)
from workflows_app.testing import drain, registered

pytestmark = pytest.mark.django_db

RecordedMaker = Callable[..., Recorded]


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


def test_a_failed_producer_is_polled_again(recorded: RecordedMaker, operator_user: User) -> None:
    play = recorded()
    code = play.code("1.1")
    (producer,) = code.producers
    code.producers = [type("Quiet", (producer,), {"poll": _broken})]
    with registered(code):
        drain("pay")
        run = Run.objects.get(handler__name="Quiet")
        assert (run.status, run.failure_kind) == ("failed", "logic")
    with registered(play.code("1.2")):
        retry_failed_run(run, actor=operator_user, reason="it reads again")
        drain("pay")
    assert Run.objects.get(retry_of=run).status == "committed"


def _broken(self: object, ctx: object, state: object) -> object:
    raise ValueError("the export has no header")


def test_a_retry_whose_event_was_skipped_meanwhile_finds_nothing(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("rejected", "applied")
    run = play.happens(days=0)
    skip_event(Event.objects.get(), actor=operator_user, reason="the supplier withdrew it")

    retry_failed_run(run, actor=operator_user, reason="go on")
    play.run_host()

    retry = Run.objects.get(retry_of=run)
    assert (retry.status, retry.reservations.count()) == ("committed", 0)
    assert not play.workflow.is_blocked
    assert len(play.mutator.calls) == 1
