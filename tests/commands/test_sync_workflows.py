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
from tests.scenes import workflow_with
from workflows_app import registry
from workflows_app.models import Workflow
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
