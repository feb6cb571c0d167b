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
from workflows_app.operations import DECLARED, skip_run
from workflows_app.operations.declaration import Operation
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


@pytest.mark.parametrize(
    ("operation", "label", "status"),
    [
        ("it_happened", "It happened", "active"),
        ("it_didnt_happen", "It didn't happen", "failed"),
        ("skip_run", "Skip", "active"),
    ],
)
def test_named_runs_are_settled_one_decision_each(
    scene: SceneMaker,
    two_blocked: list[Run],
    operator_user: User,
    operation: str,
    label: str,
    status: str,
) -> None:
    first, second = two_blocked
    named = [second, scene("lost", slug="letters").happens("42", days=0), first]

    ran = resolve(operation, *(run.pk for run in named), second.pk, *SURE)

    told = [f"run {run.pk}, workflow {run.workflow.slug}: “{label}” decided" for run in named]
    assert (ran.code, ran.out.splitlines()) == (0, [*told, "3 decided, 0 refused"])
    decisions = OperatorAction.objects.order_by("pk")
    assert list(decisions.values_list("operation", "run", "actor", "reason")) == [
        (operation, run.pk, operator_user.pk, "I looked at the bank") for run in named
    ]
    assert {Run.objects.get(pk=run.pk).status for run in named} == {status}


def test_try_again_asks_the_outside_system_again(scene: SceneMaker, operator_user: User) -> None:
    blocked = scene(mutator=mute()).happens(days=0)
    assert resolve("try_again", blocked.pk, *SURE).code == 0
    assert Run.objects.get(pk=blocked.pk).status == "reconciling"


def test_retry_takes_failed_runs(scene: SceneMaker, operator_user: User) -> None:
    failed = scene("rejected").happens(days=0)
    assert resolve("retry_failed_run", failed.pk, *SURE).code == 0
    assert Run.objects.get(retry_of=failed).status == "active"


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [
        ("skip_run", "lost"),
        ("it_happened", "lost"),
        ("it_didnt_happen", "lost"),
        ("retry_failed_run", "refused"),
    ],
)
def test_all_takes_what_waits_for_the_operation_in_one_workflow(
    scene: SceneMaker, operator_user: User, operation: str, outcome: str
) -> None:
    here, _there = (scene(outcome, slug=slug).happens(days=0) for slug in ("pay", "refund"))

    ran = resolve(operation, "--workflow", "pay", "--all", *SURE, "--format", "json")

    action = OperatorAction.objects.get()
    assert ran.code == 0
    assert ran.json == {
        "dry_run": False,
        "done": [{"run": here.pk, "workflow": "pay", "action": action.pk}],
        "refused": [],
    }
    nothing = Ran(0, "0 decided, 0 refused\n", "")
    assert resolve(operation, "--workflow", "pay", "--all", *SURE) == nothing, "once is enough"
    other = "retry_failed_run" if outcome == "lost" else "skip_run"
    assert resolve(other, "--workflow", "refund", "--all", *BY) == nothing


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


def test_what_is_refused_is_told_with_its_code_and_the_others_are_done(
    two_blocked: list[Run], operator_user: User
) -> None:
    first, second = two_blocked
    skip_run(first, actor=operator_user, reason="by hand")

    ran = resolve("skip_run", first.pk, second.pk, 10**9, *SURE)

    assert (ran.code, ran.lines[-1]) == (3, "1 decided, 2 refused")
    missing, settled = ran.err.splitlines()
    assert missing == "not_found: There is no run 1000000000."
    assert settled.startswith(f"not_blocked: Run {first.pk} is not blocked: it is active. olga")
    assert Run.objects.get(pk=second.pk).mutation.status == "skipped"


def test_it_didnt_happen_warns_of_duplicates_with_targets_before_it_asks(
    scene: SceneMaker, operator_user: User
) -> None:
    blocked = scene("lost").happens(payload={"amount": "12.50", "to": "ACME\x1b[2J"}, days=0)
    warning = (
        "If it did happen, doing it again makes a duplicate, unless the outside system still honours the key. Look in the outside system first.\n"
        f"  run {blocked.pk}, Pay invoice 42: scripted → the script"
        ' {"to": "ACME\\u001b[2J", "amount": "12.50"}\n'
    )

    ran = run_on_terminal(
        "resolve_runs", "--operation", "it_didnt_happen", blocked.pk, *BY, typed="n\n"
    )

    assert (ran.code, ran.out) == (1, "")
    assert (
        ran.err
        == f"{warning}“It didn't happen” for 1 run? By that you say: “I looked for each of these in the outside system, and none is there”. [y/N] Nothing was changed.\n"
    )
    assert Run.objects.get(pk=blocked.pk).status == "blocked"
    assert resolve("it_didnt_happen", blocked.pk, *SURE).err == warning


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


def test_a_dry_run_tells_the_same_and_changes_nothing(
    two_blocked: list[Run], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = two_blocked
    before = everything()
    caplog.clear()

    ran = resolve("try_again", first.pk, *BY, "--dry-run")
    assert (ran.code, ran.out) == (3, "0 would be decided, 1 refused\n")
    assert ran.err.startswith("cannot_reconcile: ")
    ran = resolve("it_didnt_happen", first.pk, second.pk, *BY, "--dry-run")
    assert (ran.code, ran.lines[-1]) == (0, "2 would be decided, 0 refused")
    assert ran.err.startswith("If it did happen, doing it again makes a duplicate, unless")

    assert everything() == before
    assert [text for text in caplog.messages if text.startswith("run.")] == []


def test_a_person_without_the_permission_is_refused(blocked: Run, viewer_user: User) -> None:
    ran = resolve("skip_run", blocked.pk, "--actor", "viktor", "--reason", "x", "--no-input")
    assert (ran.code, ran.err) == (
        3,
        "permission_denied: viktor may not use “Skip”: the permission “skip_run” is missing.\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [(), ("7", "--all"), ("--all",), ("--workflow", "pay"), ("7", "--workflow", "pay")],
)
def test_an_unclear_choice_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert resolve("skip_run", *arguments, *SURE) == Ran(
        2, "", "CommandError: Name runs, or use --workflow with --all.\n"
    )


@pytest.mark.parametrize("operation", DECLARED, ids=lambda operation: operation.name)
def test_it_takes_the_operations_that_change_a_run_and_no_others(
    operation: Operation, operator_user: User
) -> None:
    changes_runs = operation.target is Run and operation.change is not None
    ran = resolve(operation.name, 10**9, *SURE)
    assert ran.code == (3 if changes_runs else 2)
    assert ("not_found" if changes_runs else "invalid choice") in ran.err


def test_an_unknown_workflow_is_an_error(operator_user: User) -> None:
    assert resolve("skip_run", "--workflow", "nope", "--all", *SURE).code == 1


def test_decide_now_takes_runs_about_which_the_host_asks(
    scene: SceneMaker, operator_user: User
) -> None:
    asked = scene(mutator=mute(asked=2)).happens(days=0)

    ran = resolve("decide_now", "--workflow", "pay", "--all", *SURE)

    assert (ran.code, ran.lines[-1], ran.err) == (0, "1 decided, 0 refused", "")
    assert Run.objects.get(pk=asked.pk).status == "blocked"
    assert resolve("decide_now", asked.pk, *SURE).err.startswith("not_reconciling: Run")


def test_it_happened_takes_what_was_found_and_warns_of_what_is_never_done(
    blocked: Run, operator_user: User
) -> None:
    ran = resolve("it_happened", blocked.pk, *SURE, "--result", '{"number": "4711"}')

    assert (ran.code, ran.lines[-1]) == (0, "1 decided, 0 refused")
    assert ran.err == (
        "If it did not happen, nobody will ever do it. Look in the outside system first.\n"
        f"  run {blocked.pk}, Pay invoice 42: scripted → the script"
        ' {"to": "ACME", "amount": "12.50"}\n'
    )
    assert Run.objects.get(pk=blocked.pk).mutation.result == {"number": "4711"}


def test_a_result_that_the_mutator_can_not_take_is_refused(
    blocked: Run, operator_user: User
) -> None:
    before = everything()
    for result in ('"4711"', "[1]", "7"):
        ran = resolve("it_happened", blocked.pk, *SURE, "--result", result)

        assert (ran.code, ran.out) == (3, "0 decided, 1 refused\n")
        assert ran.err.splitlines()[-1].startswith("result_invalid: The result must be a JSON")
    assert everything() == before


#: An operation with its arguments, and why they don't go together.
WRONG = """
skip_run 7 --result {} | --result goes with --operation it_happened only.
it_happened 7 8 --result {} | --result is what you found for one run: name one run.
it_happened --workflow pay --all --result {} | --result is what you found for one run: name one run.
it_happened 7 --result {number} | --result is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1).
skip_run 7 --despite-same-result | --despite-same-result goes with --operation it_happened only.
skip_run 7 --despite-contradiction | --despite-contradiction goes with --operation it_didnt_happen only.
skip_run 7 8 --seen e1-d0 | --seen is what you were shown of one run: name one run.
skip_run 7 --seen-in /nowhere | --seen-in: /nowhere can't be read: No such file or directory.
skip_run 7 --seen-in - | --seen-in: - is not what list_blocked --format json writes.
skip_run 7 --seen-in /dev/zero | --seen-in: /dev/zero is not what list_blocked --format json writes.
"""


@pytest.mark.parametrize("line", WRONG.strip().splitlines())
def test_arguments_that_do_not_go_together_are_wrong_usage(line: str) -> None:
    words, problem = line.split(" | ")
    operation, *arguments = words.split()
    assert resolve(operation, *arguments, *SURE) == Ran(2, "", f"CommandError: {problem}\n")


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
