"""A person presses before the host has asked for the last time: it may still find out (P3).

Such a decision never wins, so that it is none of `matrix`: there the first one does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.auth.models import User

from tests.concurrency.stage import Stage
from tests.rivals import Rival, in_turn, workflows_held
from workflows_app.models import OperatorAction
from workflows_app.operations import OperationRefused, it_didnt_happen, skip_run, try_again


@pytest.mark.parametrize("operation", [try_again, it_didnt_happen, skip_run])
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
    press = partial(operation, run, actor=operator_user, reason="as agreed")
    people: list[Rival[OperatorAction]] = []
    with workflows_held(scene.row.pk):
        in_turn(lambda: people.append(Rival(press)), lambda: scene.release("lookup"))
    with pytest.raises(OperationRefused) as refused:
        people[0].result()
    worker.result()

    assert (refused.value.code, str(refused.value)) == (
        "not_blocked",
        f"Run {run.pk} is not blocked: it is reconciling.",
    )
    assert scene.told() == "blocked mutating (indeterminate); 42 reserved; 0 effects"
    assert not OperatorAction.objects.exists()
