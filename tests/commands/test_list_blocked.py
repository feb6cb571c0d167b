"""list_blocked: what waits for a person, and all that somebody needs to settle it (P2, P3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from tests.commands.console import Ran, run
from tests.operations.readiness import everything, mute
from tests.scenes import Scene, workflow_with
from workflows_app.models import Run
from workflows_app.testing import registered, scripted

pytestmark = pytest.mark.django_db

SceneMaker = Callable[..., Scene]
NOTHING = Ran(0, "", "Nothing waits for a person.\n")


def test_nothing_is_listed_where_nothing_waits(scene: SceneMaker) -> None:
    scene("refused").happens(days=0)
    scene("applied", slug="b").happens(days=0)
    waiting = mute()
    waiting.policy = {"reconcile_attempts": 2}
    scene(mutator=waiting, slug="c").happens(days=0)

    assert run("list_blocked") == NOTHING
    assert run("list_blocked", "--format", "json") == Ran(0, "[]\n", "")


def test_blocked_runs_and_failures_without_a_date_are_listed(scene: SceneMaker) -> None:
    failed = scene("rejected", slug="refund").happens("7", days=0)
    blocked = scene("lost", slug="pay").happens("42", days=0)
    before = everything()

    ran = run("list_blocked")

    assert (ran.code, ran.err) == (0, "")
    assert [re.split(r" {2,}", line) for line in ran.lines] == [
        ["run", "workflow", "title", "mutator", "target", "since", "why"],
        [
            str(blocked.pk),
            "pay",
            "Pay invoice 42",
            "scripted",
            "the script",
            since(blocked.history.latest("history_id").history_date),
            "outcome unknown, and the host can't ask: TimeoutError: no a…",
        ],
        [
            str(failed.pk),
            "refund",
            "Pay invoice 7",
            "scripted",
            "the script",
            since(failed.ended_at),
            "rejected by the script",
        ],
    ]
    assert everything() == before


def since(at: datetime | None) -> str:
    assert at is not None
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


def test_json_has_ids_parameters_and_whether_the_host_can_ask(scene: SceneMaker) -> None:
    mutator = mute()
    mutator.result_fields = {"number": "The payment's number"}
    blocked = scene(mutator=mutator, slug="pay").happens("42", {"amount": "12.50"}, days=0)
    code = workflow_with(scripted(), "refund")
    (pay,) = code.consumers
    code.consumers = [type("Pay", (pay,), {"prepare": broken})]
    with registered(code):
        play = Scene(scripted(), "refund")
        play.publish("7")
        play.run_host()
        failed = Run.objects.get(status="failed")

        rows = run("list_blocked", "--format", "json").json

    assert rows == [
        {
            "run": blocked.pk,
            "status": "blocked",
            "failure_kind": "",
            "workflow": "pay",
            "handler": "Pay",
            "title": "Pay invoice 42",
            "mutation": blocked.mutation.pk,
            "mutation_status": "indeterminate",
            "mutator": "scripted",
            "target": "the script",
            "params": {"amount": "12.50"},
            "idempotency_key": blocked.idempotency_key,
            "can_reconcile": True,
            "result_fields": {"number": "The payment's number"},
            "since": rows[0]["since"],
            "why": "still unknown after 1 attempts: TimeoutError: the bank is away",
        },
        {
            "run": failed.pk,
            "status": "failed",
            "failure_kind": "logic",
            "workflow": "refund",
            "handler": "Pay",
            "title": "",
            "mutation": None,
            "mutation_status": None,
            "mutator": "",
            "target": "",
            "params": None,
            "idempotency_key": "",
            "can_reconcile": False,
            "result_fields": {},
            "since": rows[1]["since"],
            "why": "the invoice has no amount",
        },
    ]
    assert datetime.fromisoformat(rows[1]["since"]) <= timezone.now()


def broken(self: Any, ctx: Any, state: Any) -> Any:
    raise ValueError("the invoice has no amount")


def test_one_workflow_is_listed_alone(scene: SceneMaker) -> None:
    for slug in ("pay", "refund"):
        scene("lost", slug=slug).happens(days=0)
    for slug in ("notify", "remind"):
        scene("rejected", slug=slug).happens(days=0)

    for slug in ("pay", "remind"):
        rows = run("list_blocked", "--workflow", slug, "--format", "json").json
        assert [row["workflow"] for row in rows] == [slug]
    assert len(run("list_blocked", "--format", "json").json) == 4
    assert run("list_blocked", "--workflow", "nope").code == 1


def test_the_longest_waiting_comes_first(scene: SceneMaker) -> None:
    runs = [scene("lost", slug=slug).happens(days=0) for slug in ("zinc", "iron", "lead")]
    rows = run("list_blocked", "--format", "json").json
    assert [row["run"] for row in rows] == [run.pk for run in runs]


def test_foreign_words_can_not_command_the_terminal(scene: SceneMaker) -> None:
    mutator = scripted("lost")
    mutator.target = lambda self, params: "ACME\x1b[2J\nLtd\u202e"  # type: ignore[method-assign]
    scene(mutator=mutator).happens(days=0)
    ran = run("list_blocked")
    assert len(ran.lines) == 2
    assert "ACME [2J Ltd " in ran.lines[1]


def test_wrong_usage_exits_with_2() -> None:
    assert run("list_blocked", "--format", "xml").code == 2
