"""Try again: the host may ask the outside system from the start; nothing is sent again (P1, P3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.operations.readiness import (
    SceneMaker,
    mute,
    refusal,
    told,
)
from tests.scenes import workflow_with
from workflows_app import registry
from workflows_app.engine.versions import sync
from workflows_app.models import Run
from workflows_app.operations import try_again
from workflows_app.sdk import Reconciliation
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db

UNABLE = (
    "Nobody but a person can find out whether scripted happened. Check it by hand, then choose"
    " “It happened”, “It didn't happen” or “Skip”."
)


def _not_found(self: Any, params: Any, *, idempotency_key: str) -> Reconciliation:
    return Reconciliation.not_applied()


def test_not_there_after_an_answer_that_it_happened_is_believed_by_no_host(
    scene: SceneMaker, operator_user: User
) -> None:
    """To make it anew could do it twice: a person decides, who sees both answers."""
    mutator = mute("lost", "applied")
    play = scene(mutator=mutator)
    run = play.happens(days=0)
    run.mutation.evidence.create(kind="probe", verdict="applied")
    mutator.reconcile = _not_found
    try_again(run, actor=operator_user, reason="the bank is back")

    play.run_host(timezone.now() + timedelta(days=2))

    run = Run.objects.get(pk=run.pk)
    assert (run.status, run.mutation.status) == ("blocked", "indeterminate")
    assert told(run.history)[-1][1] == (
        "the outside system said that it happened, and now that it did not"
    )
    assert len(mutator.calls) == 1


@pytest.mark.parametrize("other_name", ["other", "scripted"])
def test_code_that_can_no_longer_ask_is_refused(
    scene: SceneMaker, operator_user: User, other_name: str
) -> None:
    run = scene(mutator=mute()).happens(days=0)
    code = workflow_with(scripted(name=other_name))
    code.version = "1.1"
    with registry.override(code):
        sync(code, accept_orphans=True)
        assert refusal(try_again, run, operator_user) == ("cannot_reconcile", UNABLE)
