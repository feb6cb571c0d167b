"""A person presses while the host asks: it may still find out, unless the person won't wait (P3).

What is refused here never wins, so that it is none of `matrix`: there the first one does.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.concurrency.stage import Stage
from workflows_app.models import Evidence, OperatorAction
from workflows_app.operations import (
    OperationRefused,
    decide_now,
    it_didnt_happen,
    it_happened,
    skip_run,
    try_again,
)


@pytest.mark.parametrize("operation", [try_again, it_happened, it_didnt_happen, skip_run])
def test_a_person_who_presses_before_the_last_answer_is_told_that_the_host_still_asks(
    stage: Callable[..., Stage],
    operator_user: User,
    operation: Callable[..., OperatorAction],
) -> None:
    scene = stage(reconcile_attempts=1, backoff_initial_seconds=0)
    scene.failing, scene.evading = TimeoutError("no answer"), True
    scene.publish()
    scene.hold("lookup")
    worker = scene.worker()
    scene.wait_for("lookup")
    run = scene.last_run()
    with pytest.raises(OperationRefused) as refused:
        operation(run, actor=operator_user, reason="as agreed")
    scene.release("lookup")
    worker.result()

    assert (refused.value.code, str(refused.value)) == (
        "not_blocked",
        f"Run {run.pk} is not blocked: it is reconciling.",
    )
    assert scene.told() == "blocked mutating (indeterminate); 42 reserved; 0 effects"
    assert not OperatorAction.objects.exists()


def test_an_answer_that_comes_after_a_person_stopped_the_asking_is_kept_and_changes_nothing(
    stage: Callable[..., Stage], operator_user: User
) -> None:
    scene = stage(reconcile_attempts=3, backoff_initial_seconds=0)
    scene.failing = TimeoutError("no answer")
    scene.publish()
    scene.hold("lookup")
    worker = scene.worker()
    scene.wait_for("lookup")
    run = scene.last_run()
    decide_now(run, actor=operator_user, reason="I won't wait for it")
    scene.release("lookup")
    worker.result()

    assert scene.told() == "blocked mutating (indeterminate); 42 reserved; 0 effects"
    calls = Evidence.objects.filter(mutation__run=run).order_by("pk")
    assert list(calls.values_list("kind", "verdict")) == [
        ("execute", "unknown"),
        ("late", "not_applied"),
    ]
