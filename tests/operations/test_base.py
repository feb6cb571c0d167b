"""What every operation does the same way: who may, why, one record, and all or nothing (P4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import InternalError, connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from tests.operations.readiness import (
    PRESSES,
    Press,
    SceneMaker,
    changed,
    every_operation,
    everything,
    may_only,
)
from tests.owner import as_owner
from workflows_app import operations
from workflows_app.errors import OperationRefused
from workflows_app.groups import OPERATE
from workflows_app.models import Event, Evidence, Lease, OperatorAction, Run, Workflow

pytestmark = pytest.mark.django_db

NEEDS_A_PERSON = "A decision needs a person: an active user account of this project."


@contextmanager
def nothing_changes() -> Iterator[None]:
    before = everything()
    yield
    assert everything() == before


def refused(press: Press, target: Any, **arguments: Any) -> tuple[str, str]:
    """Press, expect a refusal, and return its code and sentence."""
    with pytest.raises(OperationRefused) as caught:
        press.function(target, **arguments)
    return caught.value.code, str(caught.value)


def test_every_operation_is_among_those_tested() -> None:
    functions = {"take" if press.name == "take_run" else press.name for press in PRESSES}
    assert functions == set(operations.__all__) - {"OperationRefused"}
    assert {press.name for press in PRESSES} == set(OperatorAction.Operation.values)
    assert {press.permission for press in PRESSES} | {"view_sensitive"} == set(OPERATE)


@every_operation
def test_a_decision_is_written_down_once_and_wakes_the_host(
    press: Press,
    scene: SceneMaker,
    operator_user: User,
    django_capture_on_commit_callbacks: Any,
) -> None:
    target = press.ready(scene)
    before = everything()
    started = timezone.now()

    with django_capture_on_commit_callbacks(execute=True):
        action = press.function(target, actor=operator_user, reason="  I looked at the bank \n")

    news = changed(before, everything())
    assert news["OperatorAction"] == [
        {
            "id": action.pk,
            "operation": press.name,
            "actor_id": operator_user.pk,
            "actor_name": "olga",
            "address": "",
            "session": "",
            "reason": "I looked at the bank",
            "workflow_id": Workflow.objects.get().pk,
            "event_id": target.pk if isinstance(target, Event) else None,
            "run_id": target.pk if isinstance(target, Run) else None,
            "evidence_seen_id": _newest_evidence(press, target),
            "created_at": action.created_at,
        }
    ]
    assert isinstance(action, OperatorAction)
    lease = Lease.objects.get()
    assert lease.next_due_at is not None
    assert started <= lease.next_due_at <= timezone.now()
    jobs = ProcrastinateJob.objects.values_list("task_name", "args", "status")
    assert list(jobs) == [("workflows_app.advance", {"workflow_id": lease.pk}, "todo")]


def _newest_evidence(press: Press, target: Any) -> int | None:
    """Return what a decision on the state now has seen; remarks have seen nothing."""
    if not isinstance(target, Run) or press.name in OperatorAction.REMARKS:
        return None
    newest = Evidence.objects.filter(mutation__run=target).order_by("pk").last()
    return newest.pk if newest else None


@every_operation
def test_every_history_row_of_a_decision_has_its_person_and_reason(
    press: Press, scene: SceneMaker, operator_user: User
) -> None:
    target = press.ready(scene)
    before = everything()

    press.function(target, actor=operator_user, reason="the bank said so")

    news = changed(before, everything())
    written = [row for table, rows in news.items() if "Historical" in table for row in rows]
    assert bool(written) == (press.name not in OperatorAction.REMARKS)
    assert {row["history_user_id"] for row in written} <= {operator_user.pk}
    assert {row["history_change_reason"] for row in written} <= {"the bank said so"}
    histories = {f"Historical{table}" for table in news} & set(before)
    assert histories <= set(news)


@every_operation
def test_about_a_workflow_with_deciders_of_its_own_nobody_else_decides(
    press: Press, scene: SceneMaker, operator_user: User, settings: Settings
) -> None:
    """Whoever calls: a button, many at once, a command."""
    settings.WORKFLOWS_DECIDERS = {"p?y*": ["Clerks", "Boards"], "other-*": ["Nobody"]}
    target = press.ready(scene)
    clerks = Group.objects.create(name="Clerks")
    with nothing_changes():
        assert refused(press, target, actor=operator_user, reason="why") == (
            "permission_denied",
            f"olga may not use “{press.label}” on workflow 'pay': members of “Boards” or “Clerks” decide"
            f" about it.",
        )
    operator_user.groups.add(clerks)
    assert press.function(target, actor=operator_user, reason="why").actor_name == "olga"


@every_operation
def test_nobody_decides_without_a_reason(
    press: Press, scene: SceneMaker, operator_user: User
) -> None:
    target = press.ready(scene)

    empty = "Say why: a reason is required."
    with nothing_changes():
        for reason, sentence in (
            *((nothing, empty) for nothing in ("   ", "\t\n", "\u200b\u202e\u3164", None, 7)),
            ("a\x00b", "The reason must not contain NUL characters."),
            ("caf\udce9", "The reason contains characters that are no valid text."),
        ):
            assert refused(press, target, actor=operator_user, reason=reason) == (
                "reason_required",
                sentence,
            )
        if press.name != "take_run":
            assert refused(press, target, actor=operator_user, reason="")[1] == empty
            with pytest.raises(TypeError, match="reason"):
                press.function(target, actor=operator_user)
    with pytest.raises(TypeError, match="positional"):
        press.function(target, operator_user, "positional")


@every_operation
def test_only_a_person_of_today_decides(press: Press, scene: SceneMaker) -> None:
    target = press.ready(scene)
    inactive = may_only("inactive", press.permission)
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    deleted = may_only("deleted", press.permission)
    User.objects.filter(pk=deleted.pk).delete()

    nobodies = (inactive, deleted, AnonymousUser(), User(username="unsaved"), None, "olga", 1)
    with nothing_changes():
        for nobody in nobodies:
            assert refused(press, target, actor=nobody, reason="mine") == (
                "unknown_actor",
                NEEDS_A_PERSON,
            )
    with pytest.raises(TypeError, match="actor"):
        press.function(target, reason="mine")


@every_operation
def test_each_operation_needs_its_own_permission(press: Press, scene: SceneMaker) -> None:
    target = press.ready(scene)
    others = may_only("others", *(name for name in OPERATE if name != press.permission))

    with nothing_changes():
        assert refused(press, target, actor=others, reason="mine") == (
            "permission_denied",
            f"others may not use “{press.label}”: the permission “{press.permission}” is missing.",
        )
    only = may_only("only", press.permission)
    assert press.function(target, actor=only, reason="mine").actor == only


@every_operation
def test_a_permission_withdrawn_after_login_is_gone(
    press: Press, scene: SceneMaker, operator_user: User
) -> None:
    target = press.ready(scene)
    assert operator_user.has_perm(f"workflows_app.{press.permission}")
    Group.objects.get(name="Workflow operators").user_set.clear()

    with nothing_changes():
        code, _ = refused(press, target, actor=operator_user, reason="mine")

    assert code == "permission_denied"
    assert operator_user.has_perm(f"workflows_app.{press.permission}"), "cached in the old object"


@every_operation
def test_viewers_may_not_decide_and_superusers_may(
    press: Press, scene: SceneMaker, viewer_user: User
) -> None:
    target = press.ready(scene)
    with nothing_changes():
        code, _ = refused(press, target, actor=viewer_user, reason="mine")
    assert code == "permission_denied"
    root = User.objects.create_superuser("root")
    assert press.function(target, actor=root, reason="mine").actor == root


@every_operation
def test_a_decision_that_cannot_be_written_down_changes_nothing(
    press: Press, scene: SceneMaker, operator_user: User
) -> None:
    target = press.ready(scene)
    before = everything()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'disk full' USING ERRCODE = 'internal_error'; END $$;"
            "CREATE TRIGGER full_disk BEFORE INSERT ON workflows_app_operatoraction"
            " FOR EACH ROW EXECUTE FUNCTION full_disk()"
        )

    with pytest.raises(InternalError, match="disk full"), transaction.atomic():
        press.function(target, actor=operator_user, reason="mine")

    assert everything() == before


def test_a_reason_is_kept_whole_up_to_its_limit(scene: SceneMaker, operator_user: User) -> None:
    longest = "“" + "x" * 1998 + "”"
    event = scene().publish()
    with nothing_changes(), pytest.raises(OperationRefused) as caught:
        operations.skip_event(event, actor=operator_user, reason=longest + "y")
    assert (caught.value.code, str(caught.value)) == (
        "reason_required",
        "The reason has 2,001 characters; at most 2,000 are kept. Say it in fewer.",
    )

    action = operations.skip_event(event, actor=operator_user, reason=f" {longest}\n")

    action.refresh_from_db()
    assert action.reason == longest
    newest = event.history.first()
    assert newest is not None
    assert newest.history_change_reason == longest


def test_a_decision_is_never_changed_nor_deleted(scene: SceneMaker, operator_user: User) -> None:
    action = operations.pause_workflow(scene().workflow, actor=operator_user, reason="holidays")
    action.reason = "something else"
    for rewrite in (action.save, action.delete, operator_user.delete):
        with (
            as_owner(),
            pytest.raises(Exception, match=r"append_only|protected"),
            transaction.atomic(),
        ):
            rewrite()
    assert OperatorAction.objects.get().reason == "holidays"
    assert str(action) == "Pause by olga"
