"""sync_workflows: the deploy step says what it did, and what it refused and why (P6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from tests.commands.console import Ran, run
from tests.operations.readiness import everything
from tests.scenes import Quiet, Scene, workflow_with
from workflows_app import registry
from workflows_app.models import Event, Handler, Workflow, WorkflowVersion
from workflows_app.sdk import Consumer, PrepareContext, PrepareResult
from workflows_app.sdk import Workflow as WorkflowCode
from workflows_app.testing import ScriptedMutator, scripted

pytestmark = pytest.mark.django_db

Deploy = Callable[..., type[WorkflowCode]]


class PayLater(Consumer):
    """Another consumer of the same topics."""

    name = "Pay"
    subscribes = ["invoice.received"]
    publishes = ["invoice.paid"]

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        return PrepareResult.nothing()


@pytest.fixture
def code() -> Iterator[Deploy]:
    """`code(version, **attributes)`: the code of this process is that version of `pay`."""
    mutator: type[ScriptedMutator] = scripted()
    with ExitStack() as stack:

        def have(version: str, slug: str = "pay", **attributes: Any) -> type[WorkflowCode]:
            workflow = workflow_with(mutator, slug)
            for name, value in {"version": version, **attributes}.items():
                setattr(workflow, name, value)
            stack.enter_context(registry.override(workflow))
            return workflow

        yield have


def version_of(slug: str = "pay") -> str:
    return str(Workflow.objects.get(slug=slug).active_version)


def test_the_first_version_is_created(code: Deploy) -> None:
    code("1.0")
    assert run("sync_workflows", "pay") == Ran(0, "pay 1.0: created\n", "")
    assert version_of() == "1.0"
    assert WorkflowVersion.objects.get().kind == "initial"


def test_a_higher_version_is_made_active(code: Deploy, operator_user: User) -> None:
    code("1.0")
    run("sync_workflows", "pay")
    code("1.10")

    ran = run("sync_workflows", "pay", "--actor", "olga", "--reason", "fixes the amount")

    assert ran == Ran(0, "pay 1.10: repaired\n", "")
    active = Workflow.objects.get().active_version
    assert active is not None
    assert (str(active), active.kind, active.actor, active.note) == (
        "1.10",
        "repair",
        operator_user,
        "fixes the amount",
    )
    newest = Workflow.objects.get().history.first()
    assert newest is not None
    assert newest.history_user == operator_user
    assert newest.history_change_reason == "version 1.10 active (repaired): fixes the amount"


def test_while_developing_other_code_of_the_same_version_is_taken(
    code: Deploy, settings: Settings
) -> None:
    settings.DEBUG = True
    code("1.0")
    run("sync_workflows", "pay")
    code("1.0", consumers=[PayLater])

    assert run("sync_workflows", "pay", "--dry-run").out == "pay 1.0: would be edited\n"
    assert run("sync_workflows", "pay").out == "pay 1.0: edited\n"
    assert run("sync_workflows", "pay").out == "pay 1.0: unchanged\n"


def test_a_lower_version_is_refused_without_rollback_and_a_reason(code: Deploy) -> None:
    code("1.0")
    run("sync_workflows", "pay")
    code("1.1")
    run("sync_workflows", "pay")
    before = everything()
    code("1.0")

    assert run("sync_workflows", "pay") == Ran(
        3,
        "",
        "pay: the code has version 1.0, but 1.1 is active. To go back, use --rollback with a"
        " reason.\n",
    )
    assert run("sync_workflows", "pay", "--rollback") == Ran(
        3, "", "pay: --rollback needs a reason.\n"
    )
    assert everything() == before

    ran = run("sync_workflows", "pay", "--rollback", "--reason", "1.1 pays twice")
    assert ran == Ran(0, "pay 1.0: rolled_back\n", "")
    assert version_of() == "1.0"
    assert list(WorkflowVersion.objects.values_list("minor", flat=True)) == [1, 0]


def test_pending_events_that_would_lose_their_consumer_are_counted(code: Deploy) -> None:
    code("1.0")
    run("sync_workflows", "pay")
    play = Scene(scripted(), "pay")
    play.publish("1")
    play.publish("2")
    before = everything()
    code("1.1", consumers=[], producers=[Quiet])

    assert run("sync_workflows", "pay") == Ran(
        3,
        "",
        "pay 1.1 lacks what is still needed: topic 'invoice.received' has 2 pending event(s)."
        " Keep it until that is done, or use --accept-orphans.\n",
    )
    assert everything() == before

    assert run("sync_workflows", "pay", "--accept-orphans") == Ran(0, "pay 1.1: repaired\n", "")
    assert [event.status for event in Event.objects.all()] == ["pending", "pending"]
    assert not Handler.objects.get(kind="consumer").is_current


def test_a_refused_workflow_does_not_hold_up_the_others(code: Deploy) -> None:
    code("1.0", "a-pay")
    code("1.1", "b-pay")
    code("1.0", "c-pay")
    run("sync_workflows", "b-pay")
    code("1.0", "b-pay")

    ran = run("sync_workflows", "a-pay", "b-pay", "c-pay", "--format", "json")

    assert ran.code == 3
    problem = (
        "b-pay: the code has version 1.0, but 1.1 is active. To go back, use --rollback with a"
        " reason."
    )
    assert ran.json == [
        {"slug": "a-pay", "version": "1.0", "outcome": "created"},
        {"slug": "c-pay", "version": "1.0", "outcome": "created"},
        {
            "slug": "b-pay",
            "version": "1.0",
            "outcome": "refused",
            "code": "lower_version",
            "problem": problem,
        },
    ]
    assert ran.err == f"{problem}\n"


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    code: Deploy, caplog: pytest.LogCaptureFixture
) -> None:
    code("1.0")
    empty = everything()
    assert run("sync_workflows", "pay", "--dry-run") == Ran(0, "pay 1.0: would be created\n", "")
    assert everything() == empty
    assert caplog.messages == []

    run("sync_workflows", "pay")
    assert caplog.messages == ["workflow.synced workflow=pay version=1.0 outcome=created"]
    before = everything()
    assert run("sync_workflows", "pay", "--dry-run") == Ran(0, "pay 1.0: unchanged\n", "")
    code("2.0")
    ran = run("sync_workflows", "pay", "--dry-run", "--format", "json")
    assert ran.json == [{"slug": "pay", "version": "2.0", "outcome": "replanned"}]
    assert everything() == before


def test_without_slugs_all_workflows_of_the_code_are_synced(code: Deploy) -> None:
    code("1.0")
    code("1.0", "b-pay")

    ran = run("sync_workflows")

    expected = [f"{w.slug} {w.version}: created" for w in registry.all_workflows()]
    assert ran == Ran(0, "\n".join(expected) + "\n", "")
    assert {"pay 1.0: created", "b-pay 1.0: created"} <= set(ran.lines)
    code("1.1", "b-pay")
    both = run("sync_workflows", "b-pay", "pay", "--dry-run")
    assert sorted(both.lines) == ["b-pay 1.1: would be repaired", "pay 1.0: unchanged"]


def test_an_unknown_slug_or_actor_is_an_error_and_nothing_is_synced(code: Deploy) -> None:
    code("1.0")
    empty = everything()

    assert run("sync_workflows", "pay", "nope") == Ran(
        1, "", "CommandError: The code declares no workflow 'nope'.\n"
    )
    assert run("sync_workflows", "pay", "--actor", "nobody") == Ran(
        1, "", "CommandError: There is no active user with the username 'nobody'.\n"
    )
    assert everything() == empty


def test_an_inactive_actor_is_an_error(code: Deploy, operator_user: User) -> None:
    code("1.0")
    User.objects.update(is_active=False)
    assert run("sync_workflows", "pay", "--actor", "olga").code == 1


@pytest.mark.parametrize("arguments", [["--format", "xml"], ["--no-such-option"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    ran = run("sync_workflows", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("usage: manage.py sync_workflows")
