"""list_blocked: what waits for a person, and all that somebody needs to settle it (P2, P3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.commands.console import Ran, run
from tests.models.rows import NOON, Rows
from tests.operations.readiness import mute
from tests.scenes import Scene
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


def test_the_number_of_queries_does_not_grow_with_what_waits(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    rows = Rows()
    for number in range(10):
        rows.mutation(rows.run("blocked", lane=f"{number}"), "indeterminate")
        failed = {"owes_retry": True, "ended_at": NOON}
        rows.mutation(rows.run("failed", lane=f"failed {number}", **failed), "failed")

    with django_assert_max_num_queries(9):
        assert len(run("list_blocked", "--format", "json").json) == 20


def test_foreign_words_can_not_command_the_terminal(scene: SceneMaker) -> None:
    mutator = scripted("lost")
    mutator.target = lambda self, params: "ACME\x1b[2J\nLtd\u202e"  # type: ignore[method-assign]
    scene(mutator=mutator).happens(days=0)
    ran = run("list_blocked")
    assert len(ran.lines) == 2
    assert "ACME⟦U+001B⟧[2J Ltd⟦U+202E⟧ " in ran.lines[1]


def test_what_contradicts_the_ledger_waits_and_a_trial_that_is_under_way_has_no_date() -> None:
    rows = Rows()
    effect = rows.mutation(rows.run("committed", title="Pay 42"), "applied")
    late = effect.evidence.create(kind="late", verdict="not_applied", contradicts=True)
    (listed,) = run("list_blocked", "--format", "json").json
    assert (listed["kind"], listed["run"], listed["verdict"]) == (
        "contradiction",
        effect.run_id,
        late.verdict,
    )
    breaker = rows.breaker("half_open")
    breaker.opened_at = NOON
    breaker.save()

    ran = run("list_blocked")

    assert "Nothing waits" not in ran.err
    (told,) = [line for line in ran.lines if line.startswith(str(effect.run_id))]
    assert "Pay 42" in told
    assert "Applied" in told
    assert "it did not happen" in told
    assert "under way" in ran.lines[-1]
    assert run("list_blocked", "--workflow", Rows("other").workflow.slug) == NOTHING
