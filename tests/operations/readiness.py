"""Every operation with a state in which it applies, and a look at all rows, to prove what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from tests.model.rows import Row, Rows, Tables
from tests.scenes import Scene, scenes, workflow_with
from workflows_app import registry
from workflows_app.errors import OperationRefused
from workflows_app.models import OperatorAction, Workflow
from workflows_app.operations import (
    DECLARED,
    add_note,
    close_breaker,
    decide_now,
    it_didnt_happen,
    it_happened,
    pause_workflow,
    resume_workflow,
    retire_workflow,
    retry_failed_run,
    run_producers_now,
    skip_event,
    skip_run,
    take,
    try_again,
)
from workflows_app.operations.declaration import Operation
from workflows_app.testing import ScriptedMutator, scripted

SceneMaker = Callable[..., Scene]


@dataclass(frozen=True)
class Press:
    """One operation, the permission it needs, and how to come to a target it applies to."""

    function: Callable[..., OperatorAction]
    permission: str
    label: str
    ready: Callable[[SceneMaker], Any]
    #: How decisions call it, if not by the name of the function.
    called: str = ""

    @property
    def name(self) -> str:
        return self.called or self.function.__name__

    @property
    def declared(self) -> Operation:
        return next(each for each in DECLARED if each.code == self.name)


def mute(*outcomes: str, asked: int = 1) -> type[ScriptedMutator]:
    """Return a mutator that may be `asked` so many times, and whose outside system gives no answer."""
    mutator = scripted(*(outcomes or ("timeout",)), reconcilable=True)

    def reconcile(self: Any, params: Any, *, idempotency_key: str) -> Any:
        mutator.reconciliations.append(idempotency_key)
        raise TimeoutError("the bank is away")

    mutator.reconcile = reconcile
    mutator.policy = {"reconcile_attempts": asked}
    return mutator


def _paused(make: SceneMaker) -> Any:
    workflow = make().workflow
    root = User.objects.create_superuser("before")
    pause_workflow(workflow, actor=root, reason="holidays")
    return workflow


def without_code() -> Workflow:
    """Return a workflow that has done nothing, and whose code is gone now."""
    with ExitStack() as stack:
        return scenes(stack)().workflow


def _polled(make: SceneMaker) -> Any:
    play = make()
    play.run_host()
    return play.workflow


def _gone_silent(make: SceneMaker) -> Any:
    mutator = mute(asked=2)
    play = make(mutator=mutator)
    code = workflow_with(mutator)
    code.policy = {"breaker_after_unknowns": 1}
    with registry.override(code):
        play.happens(days=0)
    return play.workflow.handlers.get(kind="consumer")


def _note(run: Any, *, actor: Any, reason: str) -> OperatorAction:
    return add_note(run, actor=actor, text=reason)


PRESSES = [
    Press(skip_event, "skip_event", "Skip event", lambda make: make().publish()),
    Press(try_again, "try_again", "Try again", lambda make: make(mutator=mute()).happens(days=0)),
    Press(
        it_happened,
        "assert_happened",
        "It happened",
        lambda make: make("lost").happens(days=0),
    ),
    Press(
        it_didnt_happen,
        "assert_not_happened",
        "It didn't happen",
        lambda make: make("lost", "applied").happens(days=0),
    ),
    Press(skip_run, "skip_run", "Skip", lambda make: make("lost").happens(days=0)),
    Press(
        decide_now,
        "decide_now",
        "Decide now",
        lambda make: make(mutator=mute(asked=2)).happens(days=0),
    ),
    Press(
        retry_failed_run,
        "retry_failed_run",
        "Retry now",
        lambda make: make("rejected", "applied").happens(days=0),
    ),
    Press(pause_workflow, "pause_workflow", "Pause", lambda make: make().workflow),
    Press(resume_workflow, "pause_workflow", "Resume", _paused),
    Press(retire_workflow, "retire_workflow", "Retire", lambda make: without_code()),
    Press(run_producers_now, "run_producers", "Run now", _polled),
    Press(close_breaker, "close_breaker", "Send again", _gone_silent),
    Press(take, "take_run", "Take", lambda make: make("lost").happens(days=0), "take_run"),
    Press(_note, "add_note", "Note", lambda make: make("lost").happens(days=0), "add_note"),
]


def everything() -> Tables:
    """Return all rows of the project's tables, by table and key; instants are text."""
    return Rows.now().tables


def changed(before: Tables, after: Tables) -> dict[str, list[Row]]:
    """Return the rows that are new or different, of the tables that have any."""
    news = {
        table: [row for key, row in rows.items() if before[table].get(key) != row]
        for table, rows in after.items()
    }
    return {table: rows for table, rows in news.items() if rows}


#: Without it nobody is told why others decided.
SEES_DECISIONS = "view_operatoraction"


def may_only(name: str, *codenames: str) -> User:
    """Return a new user who has these permissions and no other."""
    user = User.objects.create_user(name)
    user.user_permissions.set(
        Permission.objects.filter(
            content_type__app_label="workflows_app", codename__in=list(codenames)
        )
    )
    return user


def told(history: Any) -> list[tuple[str, str | None, str | None]]:
    """Return (status, reason, user name) of the history rows of one row, the oldest first."""
    return [
        (row.status, row.history_change_reason, row.history_user and row.history_user.username)
        for row in history.order_by("history_id").select_related("history_user")
    ]


def decided(action: OperatorAction) -> str:
    """Return the sentence by which a second person is told about `action`."""
    at = timezone.localtime(action.created_at)
    return (
        f"{action.actor} decided “{action.get_operation_display()}” on {at:%Y-%m-%d} at"
        f" {at:%H:%M:%S %Z}: {action.reason}"
    )


def refusal(function: Callable[..., OperatorAction], target: Any, actor: User) -> tuple[str, str]:
    """Press, expect a refusal that changes nothing, and return its code and sentence."""
    before = everything()
    with pytest.raises(OperationRefused) as caught:
        function(target, actor=actor, reason="I was second")
    assert everything() == before
    return caught.value.code, str(caught.value)


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
