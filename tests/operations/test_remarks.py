"""Take and Note: who looks into a run, and what was found, at any time and without changing anything."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.operations.readiness import (
    SceneMaker,
    changed,
    decided,
    everything,
    may_only,
    refusal,
)
from workflows_app.models import OperatorAction, Run
from workflows_app.operations import add_note, it_didnt_happen, retry_failed_run, skip_run, take
from workflows_app.operations.take import TAKE_RUN
from workflows_app.queries.taking import taken_by, taken_by_nobody, takings

pytestmark = pytest.mark.django_db


def test_whoever_took_a_run_last_looks_into_it_until_somebody_decides(
    blocked: Run, scene: SceneMaker, operator_user: User
) -> None:
    second = may_only("petra", "take_run")
    assert taken_by([blocked.pk]) == {}
    first_take = take(blocked, actor=operator_user)
    assert (first_take.actor_name, first_take.reason) == ("olga", "")
    assert taken_by([blocked.pk]) == {blocked.pk: first_take}

    taken_over = take(blocked, actor=second, reason="olga went home")
    add_note(blocked, actor=operator_user, text="the bank is closed until nine")
    assert taken_by([blocked.pk, 0]) == {blocked.pk: taken_over}
    assert list(takings()) == [taken_over]
    assert not Run.objects.filter(taken_by_nobody(), pk=blocked.pk).exists()

    it_didnt_happen(blocked, actor=operator_user, reason="not in the bank's list")
    assert taken_by([blocked.pk]) == {}
    again = Run.objects.get(retry_of=blocked)
    assert taken_by([again.pk]) == {}
    take(blocked, actor=second, reason="to tell the supplier")
    assert taken_by([blocked.pk])[blocked.pk].reason == "to tell the supplier"


@pytest.mark.parametrize(
    ("status", "owes_retry", "is_offered"),
    [
        ("active", False, False),
        ("reconciling", False, True),
        ("blocked", False, True),
        ("committed", False, False),
        ("failed", True, True),
        ("failed", False, False),
        ("crashed", True, False),
    ],
)
def test_take_is_offered_of_what_waits_for_somebody(
    status: str, owes_retry: bool, is_offered: bool
) -> None:
    assert TAKE_RUN.applies(Run(status=status, owes_retry=owes_retry)) is is_offered


def test_who_comes_too_late_is_told_what_was_decided_and_not_what_was_remarked_since(
    scene: SceneMaker, operator_user: User
) -> None:
    failed = scene("rejected").happens(days=0)
    settled = retry_failed_run(failed, actor=operator_user, reason="the cause is gone")
    add_note(failed, actor=operator_user, text="called the bank")
    take(failed, actor=operator_user)
    root = User.objects.create_superuser("root")

    for operation in (skip_run, retry_failed_run):
        assert refusal(operation, failed, root)[1].endswith(f" {decided(settled)}")


def test_a_note_is_kept_with_a_run_of_any_state_and_nothing_else_changes(
    scene: SceneMaker, operator_user: User
) -> None:
    done = scene("applied").happens(days=0)
    assert done.status == "committed"
    before = everything()

    action = add_note(done, actor=operator_user, text=" the supplier confirmed it\n")

    assert sorted(changed(before, everything())) == ["Lease", "OperatorAction"]
    assert (action.operation, action.run, action.reason) == (
        OperatorAction.Operation.ADD_NOTE,
        done,
        "the supplier confirmed it",
    )
