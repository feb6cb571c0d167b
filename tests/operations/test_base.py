"""What every operation does the same way: who may, why, one record, and all or nothing (P4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
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
    everything,
    may_only,
    nothing_changes,
    refused,
)
from tests.owner import as_owner
from tests.scenes import scenes
from workflows_app import operations
from workflows_app.errors import OperationRefused
from workflows_app.groups import OPERATE, OPERATORS
from workflows_app.models import Event, Evidence, Handler, Lease, OperatorAction, Run, Workflow
from workflows_app.operations import DECLARED

pytestmark = pytest.mark.django_db

NEEDS_A_PERSON = "A decision needs a person: an active user account of this project."


@dataclass
class Ready:
    """An operation, and what it applies to as it is now."""

    press: Press
    _target: Any

    @property
    def target(self) -> Any:
        return type(self._target)._default_manager.get(pk=self._target.pk)


@pytest.fixture(scope="module", params=PRESSES, ids=lambda press: press.name)
def ready(request: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[Ready]:
    """Each operation where it applies, staged once for the tests of this file, each of which is undone."""
    around: Any = transaction.atomic()
    # As Django's own test cases mark theirs: what must be the outermost transaction may be in it.
    around._from_testcase = True
    with django_db_blocker.unblock(), around, ExitStack() as stack:
        made = Ready(request.param, request.param.ready(scenes(stack)))
        # Nothing of the staging waits for a commit: what a test does is not taken for the same.
        connection.run_on_commit = []
        with django_db_blocker.block():
            yield made
        transaction.set_rollback(True)


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


def test_every_operation_is_declared_kept_permitted_and_among_those_tested() -> None:
    functions = {each.name for each in DECLARED}
    assert functions == set(operations.__all__) - {"DECLARED", "OperationRefused"}
    assert [each.code for each in DECLARED] == list(OperatorAction.Operation)
    tested = {(press.name, press.permission, press.label) for press in PRESSES}
    assert tested == {(each.code, each.permission, each.label) for each in DECLARED}
    operators = Group.objects.get(name=OPERATORS).permissions
    for each in DECLARED:
        assert each.permission in dict(each.target._meta.permissions)
        assert operators.filter(codename=each.permission).exists()
        assert (each.change is None) == (each.code in OperatorAction.REMARKS)


def test_it_applies_before_and_its_change_of_state_is_the_declared_one(
    ready: Ready, operator_user: User
) -> None:
    press, target = ready.press, ready.target
    declared = press.declared
    rows: Any = declared.target._default_manager
    key = {"handler": target} if isinstance(target, Handler) else {"pk": target.pk}
    row = rows.get(**key)
    assert declared.applies(row)
    before = getattr(row, "status", "")

    press.function(target, actor=operator_user, reason="mine")

    row = rows.get(**key)
    change = declared.change
    if change is None or change.sets:
        assert (row.status, declared.applies(row)) == (before, change is None)
        assert change is None or getattr(row, change.sets) is not None
        return
    changed_row = Run.objects.get(retry_of=row) if change.makes_retry else row
    assert before in change.before
    assert changed_row.status == change.after
    assert not change.effect or row.mutation.status == change.effect
    assert declared.applies(row) == (change.after in change.before)


def test_a_decision_is_written_down_once_and_wakes_the_host(
    ready: Ready,
    operator_user: User,
    django_capture_on_commit_callbacks: Any,
) -> None:
    press, target = ready.press, ready.target
    before = everything()
    started = timezone.now()

    with django_capture_on_commit_callbacks(execute=True):
        action = press.function(target, actor=operator_user, reason="  I looked at the bank \n")

    news = changed(before, everything())
    for row in news["OperatorAction"]:
        row["created_at"] = datetime.fromisoformat(row["created_at"])
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
    lease, ends = Lease.objects.get(), press.name == "retire_workflow"
    assert (lease.next_due_at is None) == ends
    assert started <= (lease.next_due_at or started) <= timezone.now()
    jobs = list(ProcrastinateJob.objects.values_list("task_name", "args", "status"))
    job = ("workflows_app.advance", {"workflow_id": lease.pk}, "todo")
    assert jobs == ([] if ends else [job])

    # Each row of a history that it wrote has its person and its reason.
    written = [row for table, rows in news.items() if "Historical" in table for row in rows]
    assert bool(written) == (press.name not in OperatorAction.REMARKS)
    assert {row["history_user_id"] for row in written} <= {operator_user.pk}
    assert {row["history_change_reason"] for row in written} <= {"I looked at the bank"}
    histories = {f"Historical{table}" for table in news} & set(before)
    assert histories <= set(news)


def _newest_evidence(press: Press, target: Any) -> int | None:
    """Return what a decision on the state now has seen; remarks have seen nothing."""
    if not isinstance(target, Run) or press.name in OperatorAction.REMARKS:
        return None
    newest = Evidence.objects.filter(mutation__run=target).order_by("pk").last()
    return newest.pk if newest else None


def test_a_decision_has_a_reason_and_a_person_of_today(ready: Ready, operator_user: User) -> None:
    press, target = ready.press, ready.target
    inactive = may_only("inactive", press.permission)
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    deleted = may_only("deleted", press.permission)
    User.objects.filter(pk=deleted.pk).delete()

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
        for nobody in (
            inactive,
            deleted,
            AnonymousUser(),
            User(username="unsaved"),
            None,
            "olga",
            1,
        ):
            assert refused(press, target, actor=nobody, reason="mine") == (
                "unknown_actor",
                NEEDS_A_PERSON,
            )
    with pytest.raises(TypeError, match="actor"):
        press.function(target, reason="mine")
    with pytest.raises(TypeError, match="positional"):
        press.function(target, operator_user, "positional")


def test_each_operation_needs_its_own_permission(
    ready: Ready,
    operator_user: User,
    viewer_user: User,
    settings: Settings,
) -> None:
    """Whoever calls: a button, many at once, a command."""
    press, target = ready.press, ready.target
    others = may_only("others", *(name for name in OPERATE if name != press.permission))
    withdrawn = may_only("withdrawn", press.permission)
    assert withdrawn.has_perm(f"workflows_app.{press.permission}")
    withdrawn.user_permissions.clear()

    with nothing_changes():
        assert refused(press, target, actor=others, reason="mine") == (
            "permission_denied",
            f"others may not use “{press.label}”: the permission “{press.permission}” is missing.",
        )
        for denied in (viewer_user, withdrawn):
            assert refused(press, target, actor=denied, reason="mine")[0] == "permission_denied"
    assert withdrawn.has_perm(f"workflows_app.{press.permission}"), "cached in the old object"
    only = may_only("only", press.permission)
    for allowed in (only, User.objects.create_superuser("root")):
        assert decides_and_is_undone(press, target, allowed).actor == allowed

    settings.WORKFLOWS_DECIDERS = {"p?y*": ["Clerks"], "*ay": ["Boards"], "other-*": ["Nobody"]}
    clerks = Group.objects.create(name="Clerks")
    with nothing_changes():
        assert refused(press, target, actor=operator_user, reason="why") == (
            "permission_denied",
            f"olga may not use “{press.label}” on workflow 'pay': members of “Boards” or “Clerks” decide"
            f" about it.",
        )
    operator_user.groups.add(clerks)
    for allowed in (operator_user, User.objects.get(username="root")):
        assert decides_and_is_undone(press, target, allowed).actor == allowed


def decides_and_is_undone(press: Press, target: Any, person: User) -> OperatorAction:
    """Let the person decide, and take it back, so that another one can."""
    with transaction.atomic():
        action = press.function(
            type(target)._default_manager.get(pk=target.pk), actor=person, reason="mine"
        )
        transaction.set_rollback(True)
    return action


def test_a_decision_that_cannot_be_written_down_changes_nothing(
    ready: Ready, operator_user: User
) -> None:
    press, target = ready.press, ready.target
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
