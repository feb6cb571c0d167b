"""list_blocked: what waits for a person, and all that somebody needs to settle it (P2, P3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy
from pytest_django import DjangoAssertNumQueries

from tests.commands.console import Ran, run
from tests.models.rows import NOON, Rows
from tests.operations.readiness import everything, mute
from tests.scenes import Scene, workflow_with
from workflows_app.management.commands.list_blocked import TOO_MANY_UNKNOWNS
from workflows_app.models import Breaker, Evidence, Run
from workflows_app.operations import take
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
    Run.objects.update(started_at=F("started_at") - timedelta(hours=3))
    before = everything()

    ran = run("list_blocked")

    assert (ran.code, ran.err) == (0, "")
    assert [re.split(r" {2,}", line) for line in ran.lines] == [
        [
            *("run", "workflow", "lane", "title", "mutator", "target", "since", "behind", "why"),
            *("late answer", "taken by"),
        ],
        [
            str(blocked.pk),
            "pay",
            "main",
            "Pay invoice 42",
            "scripted",
            "the script",
            since(blocked.history.latest("history_id").history_date),
            "0",
            "outcome unknown, and nobody can be asked: TimeoutError: no …",
            "none",
            "nobody",
        ],
        [
            str(failed.pk),
            "refund",
            "main",
            "Pay invoice 7",
            "scripted",
            "the script",
            since(failed.ended_at),
            "0",
            "rejected by the script",
            "none",
            "nobody",
        ],
    ]
    assert everything() == before


def since(at: datetime | None) -> str:
    assert at is not None
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


def test_json_has_ids_parameters_and_whether_the_host_can_ask(scene: SceneMaker) -> None:
    mutator = mute()
    mutator.result_fields = {"number": gettext_lazy("The payment's number")}
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

    newest = blocked.mutation.evidence.order_by("pk").last()
    assert newest is not None
    assert rows == [
        {
            "kind": "run",
            "run": blocked.pk,
            "status": "blocked",
            "failure_kind": "",
            "workflow": "pay",
            "lane": "",
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
            "waiting_behind": 0,
            "why": "still unknown after 1 attempts: TimeoutError: the bank is away",
            "late_answer": None,
            "taken_by": None,
            "seen": f"e{newest.pk}-d0",
        },
        {
            "kind": "run",
            "run": failed.pk,
            "status": "failed",
            "failure_kind": "logic",
            "workflow": "refund",
            "lane": "",
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
            "waiting_behind": 1,
            "why": "ValueError: the invoice has no amount",
            "late_answer": None,
            "taken_by": None,
            "seen": "e0-d0",
        },
    ]
    assert datetime.fromisoformat(rows[1]["since"]) <= timezone.now()


def test_a_late_answer_and_who_looks_into_it_are_told(
    blocked: Run, scene: SceneMaker, operator_user: User
) -> None:
    Evidence.objects.create(mutation=blocked.mutation, kind="late", verdict="not_applied")
    answer = Evidence.objects.create(mutation=blocked.mutation, kind="late", verdict="applied")
    taken = take(blocked, actor=operator_user, reason="on the phone")
    scene("lost", slug="refund").happens()

    row, other = run("list_blocked", "--format", "json").json

    assert (other["late_answer"], other["taken_by"]) == (None, None)
    assert other["can_reconcile"] is False
    assert row["late_answer"]["verdict"] == "applied"
    assert (row["taken_by"]["person"], row["taken_by"]["reason"]) == ("olga", "on the phone")
    assert row["seen"] == f"e{answer.pk}-d{taken.pk}"
    cells = re.split(r" {2,}", run("list_blocked").lines[1])
    assert cells[-2:] == ["it happened", "olga"]


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


def test_each_lane_tells_how_many_events_wait_behind_it() -> None:
    rows = Rows()
    held = rows.run("blocked", lane="ACME")
    rows.mutation(held, "indeterminate")
    poison = rows.run(
        "failed",
        lane="Initech",
        failure_kind="poison",
        failure_message="its worker died, 4 times in a row",
        owes_retry=True,
        ended_at=NOON,
    )
    for lane in ("ACME", "ACME", "Initech", "free"):
        rows.event(lane=lane)
    rows.event("consumed", lane="ACME")

    told = [
        (row["run"], row["lane"], row["failure_kind"], row["waiting_behind"], row["why"])
        for row in run("list_blocked", "--format", "json").json
    ]

    assert told == [
        (held.pk, "ACME", "", 2, ""),
        (poison.pk, "Initech", "poison", 1, "its worker died, 4 times in a row"),
    ]
    _, *lines = (re.split(r" {2,}", line) for line in run("list_blocked").lines)
    numbers = [[cell for cell in cells if cell.isdigit()] for cells in lines]
    assert numbers == [[str(held.pk), "2"], [str(poison.pk), "1"]]


def test_open_breakers_are_listed_too() -> None:
    rows = {slug: Rows(slug) for slug in ("pay", "refund", "remind")}
    later = NOON + timedelta(minutes=90)
    opened = Breaker.objects.create(
        handler=rows["pay"].handler, status="open", unknowns=5, opened_at=NOON, trial_at=later
    )
    Breaker.objects.create(
        handler=rows["refund"].handler, status="half_open", opened_at=NOON, trial_at=NOON
    )
    Breaker.objects.create(handler=rows["remind"].handler, unknowns=4)

    ran = run("list_blocked", "--workflow", "pay")
    told = run("list_blocked", "--format", "json").json

    assert [re.split(r" {2,}", line) for line in ran.lines] == [
        ["breaker", "workflow", "unknowns", "since", "trial", "why"],
        ["Pay", "pay", "5", since(NOON), since(later), TOO_MANY_UNKNOWNS],
    ]
    assert told[0] == {
        "kind": "breaker",
        "breaker": opened.pk,
        "status": "open",
        "workflow": "pay",
        "consumer": "Pay",
        "unknowns": 5,
        "opened_at": "2026-01-01T12:00:00Z",
        "trial_at": "2026-01-01T13:30:00Z",
        "why": TOO_MANY_UNKNOWNS,
    }
    assert [row["workflow"] for row in told] == ["pay", "refund"]


def test_the_number_of_queries_does_not_grow_with_what_waits(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    rows = Rows()
    for number in range(10):
        rows.mutation(rows.run("blocked", lane=f"{number}"), "indeterminate")
        failed = {"owes_retry": True, "ended_at": NOON}
        rows.mutation(rows.run("failed", lane=f"failed {number}", **failed), "failed")

    with django_assert_max_num_queries(8):
        assert len(run("list_blocked", "--format", "json").json) == 20


def test_foreign_words_can_not_command_the_terminal(scene: SceneMaker) -> None:
    mutator = scripted("lost")
    mutator.target = lambda self, params: "ACME\x1b[2J\nLtd\u202e"  # type: ignore[method-assign]
    scene(mutator=mutator).happens(days=0)
    ran = run("list_blocked")
    assert len(ran.lines) == 2
    assert "ACME⟦U+001B⟧[2J Ltd⟦U+202E⟧ " in ran.lines[1]


def test_wrong_usage_exits_with_2() -> None:
    assert run("list_blocked", "--format", "xml").code == 2
