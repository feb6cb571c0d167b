"""list_blocked: what waits for a person, and all that somebody needs to settle it (P2, P3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.commands.console import Ran, run
from tests.models.rows import NOON, Rows
from tests.operations.readiness import mute
from tests.scenes import Scene
from workflows_app.management.commands.list_blocked import TOO_MANY_UNKNOWNS
from workflows_app.models import Breaker
from workflows_app.testing import scripted

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


def since(at: datetime | None) -> str:
    assert at is not None
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


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
