"""resolve_runs: what a person settles by the buttons of a run, for many runs at once (P1, P4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from tests.commands.console import Ran, run, run_on_terminal
from tests.models.rows import Rows
from tests.operations.readiness import everything, mute
from tests.scenes import Scene
from workflows_app.models import Evidence, Lease, OperatorAction, Run
from workflows_app.sdk import Reconciliation

pytestmark = pytest.mark.django_db

SceneMaker = Callable[..., Scene]
BY = ("--actor", "olga", "--reason", "I looked at the bank")
SURE = (*BY, "--no-input")


def resolve(operation: str, *arguments: object) -> Ran:
    return run("resolve_runs", "--operation", operation, *arguments)


@pytest.fixture
def two_blocked(scene: SceneMaker, operator_user: User) -> list[Run]:
    """A blocked run in each of two workflows."""
    return [scene("lost", slug=slug).happens("42", days=0) for slug in ("pay", "refund")]


def test_all_lanes_of_a_workflow_are_taken_in_the_order_of_their_runs(operator_user: User) -> None:
    rows = Rows()
    Lease.objects.create(workflow=rows.workflow)
    rows.workflow.active_version = rows.version
    rows.workflow.save()
    runs = [rows.run("blocked", lane=lane, title=f"Pay {lane}") for lane in ("b", "c", "a")]
    for number in (1, 2, 0):
        rows.mutation(runs[number], "indeterminate", target=f"T{number}")
    Evidence.objects.create(mutation=runs[1].mutation, kind="late", verdict="applied")
    chosen = ("--workflow", "pay", "--all", *BY)

    asked = run_on_terminal("resolve_runs", "--operation", "it_didnt_happen", *chosen, typed="n\n")
    tried = resolve("it_didnt_happen", *chosen, "--dry-run", "--format", "json").json

    _, *warned, question = asked.err.splitlines()
    effects = [f"  run {run.pk}, {run.title}: bank.pay → T{at} {{}}" for at, run in enumerate(runs)]
    effects.insert(2, "    an answer that came too late says: it happened")
    assert warned == effects
    assert question == (
        "“It didn't happen” for 3 runs? By that you say: “I looked for each of these in the outside system,"
        " and none is there”. [y/N] Nothing was changed."
    )
    assert tried["dry_run"] is True
    assert [row["run"] for row in tried["done"]] == [runs[0].pk, runs[2].pk]
    assert [row["action"] for row in tried["done"]] == [None, None]
    assert [row["code"] for row in tried["refused"]] == ["contradicted"]


def test_the_question_about_many_runs_costs_no_more_queries(
    operator_user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows = Rows()
    runs = [rows.run("blocked", lane=f"{number}") for number in range(20)]
    for each in runs:
        rows.mutation(each, "indeterminate").evidence.create(kind="probe", verdict="applied")
    told = ["--operation", "it_happened", *(each.pk for each in runs), *BY]

    with django_assert_max_num_queries(15):
        asked = run_on_terminal("resolve_runs", *told, typed="n\n")

    assert asked.err.endswith("“It happened” for 20 runs? [y/N] Nothing was changed.\n")


def test_a_run_that_called_nothing_is_refused_without_a_target(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene()
    play.run_host()
    polled = Run.objects.get()

    ran = resolve("it_didnt_happen", polled.pk, *SURE)

    assert ran.code == 3
    assert ran.err.splitlines()[1:] == [
        f"not_blocked: Run {polled.pk} is not blocked: it is committed."
    ]


def test_the_outside_is_asked_first_and_what_it_says_counts(
    scene: SceneMaker, operator_user: User
) -> None:
    mutator = mute()
    blocked = scene(mutator=mutator).happens(days=0)
    mutator.reconcile = lambda *_, **__: Reconciliation.applied({"number": 1})
    before = everything()
    dry = resolve("it_didnt_happen", blocked.pk, *BY, "--dry-run")
    assert (dry.code, dry.err.splitlines()[-1]) == (0, "A dry run asks nobody outside.")
    assert everything() == before

    ran = resolve("it_didnt_happen", blocked.pk, *SURE)

    assert (ran.code, ran.lines[-1]) == (3, "0 decided, 1 refused")
    asked, refused = ran.err.splitlines()[-2:]
    assert asked == (
        "The outside system is asked first, where it can be: a clear answer counts, and not what you say,"
        " unless it said the opposite before. --no-probe leaves that out."
    )
    assert refused.startswith(
        "contradicted: The outside system was asked, and says that it happened."
    )
    assert Run.objects.get(pk=blocked.pk).mutation.resolved_by == "reconcile"


def test_without_a_probe_the_person_s_word_counts(scene: SceneMaker, operator_user: User) -> None:
    mutator = mute()
    blocked = scene(mutator=mutator).happens(days=0)
    mutator.reconcile = lambda *_, **__: Reconciliation.applied({"number": 1})

    assert resolve("it_didnt_happen", blocked.pk, *SURE, "--no-probe").code == 0

    assert Run.objects.get(pk=blocked.pk).mutation.status == "failed"


def test_what_was_listed_is_what_is_decided_on(
    two_blocked: list[Run], operator_user: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = two_blocked
    rows = run("list_blocked", "--format", "json").json
    listed = tmp_path / "listed.json"
    listed.write_text(json.dumps([*rows, {"kind": "breaker"}]))
    late = Evidence.objects.create(mutation=second.mutation, kind="late", verdict="applied")

    with translation.override("de"):
        assert run("resolve_runs", "--help").code == 0
        ran = resolve("it_didnt_happen", first.pk, second.pk, *SURE, "--seen-in", listed)

    # English, whatever the language of the site.
    assert "user name of the person who decides" in capsys.readouterr().out
    assert (ran.code, ran.lines[-1]) == (3, "1 decided, 1 refused")
    assert ran.lines[0].endswith(": “It didn't happen” decided")
    assert "    an answer that came too late says: it happened" in ran.err.splitlines()
    assert ran.err.splitlines()[-1].startswith(f"stale: Run {second.pk} is not as you saw it.")
    listed.write_text(json.dumps([{**row, "seen": None} for row in rows]))
    assert resolve("skip_run", second.pk, *SURE, "--seen-in", listed).code == 2, "nothing was shown"
    listed.write_text("[]")
    told = resolve("skip_run", first.pk, second.pk, *SURE, "--seen-in", listed).err
    assert told.splitlines() == [
        f"stale: Run {run.pk} is not among those that you were shown." for run in (first, second)
    ]
    shown = ("--seen", f"e{late.pk}-d0")
    assert (
        resolve("it_didnt_happen", second.pk, *SURE, *shown)
        .err.splitlines()[-1]
        .startswith("contradicted: An answer that came too late said on")
    )
    assert resolve("it_didnt_happen", second.pk, *SURE, *shown, "--despite-contradiction").code == 0
    assert OperatorAction.objects.get(run=second).evidence_seen == late
