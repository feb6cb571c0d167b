"""Retire: what holds nothing any more ends, and what its code left is settled first (P2, P3)."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.admin.addresses import HOME, page_of, text_of, text_of_answer
from tests.commands.console import run
from tests.docs.test_readme import block
from tests.operations.readiness import decided, nothing_changes, refusal
from tests.scenes import scenes, workflow_with
from tests.sound import OF_ROWS
from workflows_app import registry, sdk
from workflows_app.dispatch import due_workflows
from workflows_app.doctor import examine
from workflows_app.engine.advancing import advance
from workflows_app.engine.claims import claim
from workflows_app.errors import RetiredWorkflow
from workflows_app.models import Breaker, Event, OperatorAction, Run, Workflow
from workflows_app.models.saving import save_with_history
from workflows_app.operations import (
    CLOSE_BREAKER,
    add_note,
    resume_workflow,
    retire_workflow,
    retry_failed_run,
    skip_event,
    take,
)
from workflows_app.operations.still_held import StillHeld
from workflows_app.publishing import publish
from workflows_app.publishing.writing import TopicWriter
from workflows_app.queries.health import workflow_health
from workflows_app.sdk import Workflow as WorkflowCode
from workflows_app.testing import ScriptedMutator, drain, scripted

pytestmark = pytest.mark.django_db

SURE = ("--actor", "olga", "--reason", "its shop is closed", "--no-input")
RETIRE = ("retire_workflow", "pay", *SURE)


def stand_in() -> type[WorkflowCode]:
    """Return the stand-in that the README shows, for our consumer."""
    code = block("class StandIn(Consumer):\n").replace("@register\n", "")
    for theirs, ours in (("PayInvoice", "Pay"), ("invoice-payments", "pay")):
        code = code.replace(f'"{theirs}"', f'"{ours}"')
    names: dict[str, Any] = {"__name__": __name__, **vars(sdk)}
    exec(code, names)
    made: type[WorkflowCode] = names["InvoicePayments"]
    return made


def codeless(*outcomes: str) -> tuple[Workflow, type[ScriptedMutator]]:
    """Return a workflow that has done something if there are `outcomes`, and whose code is gone now."""
    mutator: type[ScriptedMutator] = scripted(*outcomes)
    with ExitStack() as stack:
        play = scenes(stack)(mutator=mutator)
        if outcomes:
            play.happens(days=0)
        return play.workflow, mutator


def complaints() -> list[str]:
    """Return what `doctor` says of workflows."""
    return [f"{each.check.id} {each.found.detail}" for each in examine(OF_ROWS) if each.workflow]


def is_at_rest(workflow: Workflow) -> bool:
    """Tell whether no sweep will ever have a worker look at it."""
    return workflow.pk not in due_workflows(timezone.now() + timedelta(days=30))


SKIPS = "manage.py skip_events gives up events, and the retries that are owed for them."
ASKS = "manage.py resolve_runs settles what is unknown."
ENDS = "Only its code ends runs: deploy that, or a stand-in for it, once more (manage.py sync_workflows)."
BLOCKED = f"1 blocked run, 1 outside effect with an unknown outcome. {ASKS} {ENDS}"
OPEN = f"1 open run. {ENDS}"


@pytest.mark.parametrize(
    ("outcome", "holds", "decides", "then_holds", "ends"),
    [
        ("rejected", f"1 pending event, 1 owed retry. {SKIPS}", "", "", "skipped"),
        ("refused", f"1 pending event, 1 owed retry. {SKIPS}", "", "", "skipped"),
        ("lost", BLOCKED, "skip_run", OPEN, "skipped"),
        ("lost", BLOCKED, "it_happened", OPEN, "consumed"),
        ("lost", BLOCKED, "it_didnt_happen", OPEN, "skipped"),
    ],
)
def test_what_the_code_left_is_settled_before_it_ends(
    operator_user: User, outcome: str, holds: str, decides: str, then_holds: str, ends: str
) -> None:
    workflow, mutator = codeless(outcome)

    assert refusal(retire_workflow, workflow, operator_user) == (
        "still_holds",
        f"Workflow pay still holds {holds}",
    )
    said = f"pay 1.0: no longer in the code. It still holds {holds} Then `manage.py retire_workflow pay`"
    with nothing_changes():
        assert f"{said} ends it." in run("sync_workflows", "--dry-run").lines
    if decides:
        run("resolve_runs", "--operation", decides, "--workflow", "pay", "--all", *SURE)
        ran = run(*RETIRE)
        assert (ran.code, ran.err) == (3, f"still_holds: Workflow pay still holds {then_holds}\n")
        with registry.override(stand_in()):
            assert run("sync_workflows", "pay", "--accept-orphans").code == 0
            drain("pay", now=timezone.now() + timedelta(days=1))
    run("skip_events", "pay", "invoice.received", "--all-pending", *SURE)

    assert run(*RETIRE).lines == ["workflow pay: “Retire” decided", "1 decided, 0 refused"]
    assert Event.objects.get().status == ends
    assert not Run.objects.filter(owes_retry=True).exists()
    assert len(mutator.calls) == 1, "nothing is sent again"
    assert complaints() == []


def test_a_retry_of_which_only_next_is_left_is_nothing_to_skip() -> None:
    held = StillHeld(0, 0, 0, 0, owed_retries=1, retries_of_next=1)
    assert (held.in_words(), held.settled_by()) == ("1 owed retry", ENDS)


def test_what_is_retired_is_left_alone_until_the_code_has_it_again(
    operator_user: User, caplog: pytest.LogCaptureFixture
) -> None:
    workflow, mutator = codeless("applied")
    run("skip_events", "pay", "invoice.paid", "--all-pending", *SURE)
    with registry.override(workflow_with(mutator)):
        assert refusal(retire_workflow, workflow, operator_user) == (
            "still_in_code",
            "Workflow pay is still in the code: take it out there first, and deploy that.",
        )
    assert run("sync_workflows", "--format", "json").json[-1] == {
        "slug": "pay",
        "version": "1.0",
        "outcome": "not_in_code",
        "still_holds": dict.fromkeys(
            ("pending_events", "blocked_runs", "open_runs", "unknown_effects"), 0
        )
        | {"owed_retries": 0, "retries_of_next": 0},
    }
    with nothing_changes():
        ran = run("retire_workflow", "pay", "nowhere", "--dry-run", *SURE)
    assert (ran.code, ran.lines[-1]) == (3, "1 would be decided, 1 refused")
    breaker = Breaker(handler=workflow.handlers.get(name="Pay"), unknowns=5)
    breaker.open(now=timezone.now(), trial_at=timezone.now())
    save_with_history(breaker, reason="five unknowns in a row")
    assert "Pay" in run("list_blocked").out
    before = Workflow.objects.get(slug="pay").history.count()

    assert run(*RETIRE).code == 0

    workflow = Workflow.objects.get(slug="pay")
    told = OperatorAction.objects.get(operation="retire_workflow")
    newest = workflow.history.first()
    assert newest is not None
    assert (newest.history_user, newest.history_change_reason) == (operator_user, told.reason)
    assert workflow.history.count() == before + 1
    caplog.clear()
    assert advance(workflow.pk).steps == 0
    assert caplog.messages == []
    assert is_at_rest(workflow)
    assert "pay" not in {row.workflow.slug for row in workflow_health(now=timezone.now())}
    assert "pay" not in run("sync_workflows").out
    assert run("list_blocked").out == ""
    assert not CLOSE_BREAKER.applies(Breaker.objects.get()), "no calls would go out"
    assert complaints() == []
    assert "came of" in run("trace", "event", "42", "--workflow", "pay").out
    with pytest.raises(RetiredWorkflow, match=r"^Workflow 'pay' is retired: nothing can be"):
        publish(workflow="pay", topic="invoice.received", message_id="43", payload=1)
    with pytest.raises(CommandError, match=r"^Workflow 'pay' is retired: nothing can be"):
        call_command("publish_events", "pay", "invoice.received", os.devnull)
    assert refusal(retire_workflow, workflow, operator_user) == (
        "already_retired",
        f"Workflow pay is retired already. {decided(told)}",
    )
    again = "manage.py sync_workflows brings it back when the code has it again."
    for operation, target in ((resume_workflow, workflow), (retry_failed_run, Run.objects.first())):
        assert refusal(operation, target, operator_user) == (
            "retired",
            f"Workflow pay is retired: {again} {decided(told)}",
        )

    with registry.override(workflow_with(mutator)):
        assert [each for each in complaints() if each.startswith("D9")] == [
            "D905 is retired, but the code here has it in version 1.0"
        ]
        assert run("sync_workflows", "pay").lines == ["pay 1.0: brought_back"]
        publish(workflow="pay", topic="invoice.received", message_id="43", payload={"amount": "1"})
        drain("pay")
        assert complaints() == ["D903 invoice.paid has 1 pending event(s)"], "as before"
    assert Workflow.objects.get(slug="pay").retired_at is None
    assert Event.objects.get(message_id="43", topic__name="invoice.received").status == "consumed"


def test_its_page_says_since_when_and_by_whom_and_lists_show_it_to_who_asks(
    operator: Client,
) -> None:
    workflow, mutator = codeless()
    # It was retired once before, by somebody else, and came back.
    retire_workflow(workflow, actor=User.objects.create_superuser("rita"), reason="too early")
    with registry.override(workflow_with(mutator)):
        run("sync_workflows")
    page = text_of(operator, page_of(workflow))
    assert "The code here no longer has it. It holds nothing: Retire ends it." in page

    run(*RETIRE)

    page = text_of(operator, page_of(workflow))
    assert "Status Retired Retired since" in page
    assert "Title Pay the invoices Status Retired Active version 1.0" in page
    assert ", by olga " in page
    assert "no longer has it" not in page
    assert "What you can do" not in page, "no button applies"
    listed = reverse("admin:workflows_app_workflow_changelist")
    assert [
        "Pay the invoices" in text_of(operator, f"{listed}{asked}")
        for asked in ("", "?retired=all", "?retired=only")
    ] == [False, True, True]


def test_where_only_retired_ones_are_left_home_says_so_and_leads_to_them(operator: Client) -> None:
    codeless()
    run(*RETIRE)
    assert run("pause_workflows", "--all", *SURE).lines == ["0 decided, 0 refused"]
    page = operator.get(HOME)
    assert "All workflows are retired. Show all" in text_of_answer(page)
    assert "/workflow/?retired=only" in page.content.decode()
    assert "No workflow was deployed yet" not in page.content.decode()


def test_what_an_application_publishes_at_that_moment_is_seen_and_can_be_skipped(
    operator_user: User,
) -> None:
    workflow, _ = codeless()
    writer = TopicWriter.of("pay", "invoice.received")
    retire_workflow(workflow, actor=operator_user, reason="its shop is closed")

    [(event, _)] = writer.write([writer.checked("42", {"amount": "1"})])

    [row] = [row for row in workflow_health(now=timezone.now()) if row.workflow == workflow]
    assert row.backlog.orphaned == 1
    assert complaints() == ["D903 invoice.received has 1 pending event(s)"]
    skip_event(event, actor=operator_user, reason="nobody wants it")
    assert complaints() == []
    assert is_at_rest(workflow)


def test_who_decides_about_what_has_ended_makes_nothing_due(operator_user: User) -> None:
    workflow, _ = codeless("applied")
    run("skip_events", "pay", "invoice.paid", "--all-pending", *SURE)
    retire_workflow(workflow, actor=operator_user, reason="its shop is closed")
    paid = Run.objects.filter(workflow=workflow, status="committed")[0]

    take(paid, actor=operator_user, reason="an auditor asks")
    add_note(paid, actor=operator_user, text="it was settled by hand")

    assert is_at_rest(workflow)


def test_while_a_worker_has_it_in_hand_its_code_is_still_there(operator_user: User) -> None:
    workflow, _ = codeless()
    claim(workflow.pk, holder="another machine 1 1")

    assert refusal(retire_workflow, workflow, operator_user) == (
        "in_hand",
        "A worker has workflow pay in hand just now, so its code is still deployed there: stop that worker"
        " first.",
    )
