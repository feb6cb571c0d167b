"""What each command says of the stage, whole: its words, its exit code, and the rows that it leaves changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.commands.console import run
from tests.texts.stage import Stage, code_of
from tests.texts.told import described, rows, told_by

pytestmark = pytest.mark.django_db

Told = Callable[..., str]
COMMANDS = [
    *("doctor", "grant_role", "list_blocked", "pause_workflows", "publish_events", "resolve_runs"),
    *(
        "resume_workflows",
        "retire_workflow",
        "run_worker",
        "skip_events",
        "sync_workflows",
        "trace",
    ),
]


@pytest.fixture
def told(stage: Stage) -> Told:
    """`told("trace", "run", 5)`: what the command says of the stage, which stays as it is."""
    return partial(told_by, rows_before=rows())


def test_each_command_says_what_it_takes(kept: SnapshotAssertion) -> None:
    assert "\n\n".join(map(described, COMMANDS)) + "\n" == kept(name="arguments")


def test_what_waits_is_listed(stage: Stage, told: Told, kept: SnapshotAssertion) -> None:
    assert "\n".join(
        told("list_blocked", *arguments)
        for arguments in [
            (),
            ("--workflow", "refunds"),
            ("--workflow", "letters"),
            ("--workflow", "letters", "--format", "json"),
            ("--workflow", "nowhere"),
            ("--actor", "nobody"),
            ("--actor", "left"),
            ("--format", "json"),
            ("--format", "json", "--actor", "viktor", "--workflow", "refunds"),
            ("--format", "json", "--actor", "paula", "--workflow", "refunds"),
            ("--format", "xml"),
        ]
    ) == kept(name="list_blocked")


BY = ("--actor", "olga", "--reason", "I looked at the bank")
SURE = (*BY, "--no-input")
#: As somebody found it for another run.
FOUND = '{"payment": "P-77", "paid_on": "Friday"}'


def test_workflows_are_paused_and_resumed(
    stage: Stage, told: Told, kept: SnapshotAssertion
) -> None:
    assert "\n".join(
        told(*arguments)
        for arguments in [
            ("pause_workflows", "refunds", "nowhere", "refunds", *SURE),
            ("pause_workflows", "--all", *SURE, "--format", "json"),
            ("pause_workflows", "--all", "--dry-run", *BY),
            ("pause_workflows", "refunds", *BY),
            ("pause_workflows", *SURE),
            ("pause_workflows", "refunds", "--all", *SURE),
            ("resume_workflows", "letters", "refunds", *SURE),
            ("retire_workflow", *SURE),
        ]
    ) == kept(name="pause_and_resume")


def test_what_is_decided_about_runs(
    stage: Stage,
    told: Told,
    kept: SnapshotAssertion,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    golf, hotel, cargo = (stage.run_of(number).pk for number in ("I-201", "I-211", "I-103"))
    india, kilo, lima, mike = (stage.run_of(n).pk for n in ("I-221", "I-241", "I-251", "I-261"))
    listed = tmp_path / "listed.json"
    listed.write_text(run("list_blocked", "--format", "json", "--workflow", "invoices").out)
    rows = {row.get("run"): row for row in json.loads(listed.read_text())}
    monkeypatch.chdir(tmp_path)
    everything = ("--workflow", "invoices", "--all")
    assert "\n".join(
        told("resolve_runs", "--operation", *words)
        for words in [
            ("try_again", golf, *SURE),
            ("try_again", hotel, *SURE),
            ("try_again", *everything, *SURE, "--format", "json"),
            ("it_happened", golf, hotel, *SURE, "--no-probe"),
            ("it_happened", golf, *SURE, "--result", FOUND),
            ("it_happened", golf, *SURE, "--despite-same-result", "--result", FOUND),
            ("it_happened", golf, *SURE, "--result", '{"payment": "P-78", "paid_on": 5}'),
            ("it_happened", golf, *SURE, "--result", '{"payment": "P-78", "amount": "5"}'),
            ("it_happened", hotel, *SURE, "--result", '{"message": "by phone"}'),
            ("it_didnt_happen", *everything, *SURE),
            ("it_didnt_happen", *everything, *SURE, "--no-probe", "--format", "json"),
            ("it_didnt_happen", hotel, *SURE, "--despite-contradiction"),
            ("it_didnt_happen", "--workflow", "refunds", "--all", *BY, "--dry-run"),
            ("it_didnt_happen", *everything, *BY, "--dry-run"),
            ("skip_run", golf, 10**9, golf, mike, *SURE),
            ("skip_run", *everything, *SURE),
            ("skip_run", *everything, "--dry-run", *BY, "--format", "json"),
            ("skip_run", golf, "--actor", "viktor", "--reason", "x", "--no-input"),
            ("skip_run", golf, "--actor", "nobody", "--reason", "x", "--no-input"),
            ("skip_run", golf, "--actor", "olga", "--reason", " ", "--no-input"),
            ("skip_run", "--workflow", "letters", "--all", *SURE),
            ("it_happened", "--workflow", "letters", "--all", *BY),
            ("skip_run", "--workflow", "nowhere", "--all", *SURE),
            ("decide_now", mike, golf, *SURE),
            ("decide_now", *everything, *SURE),
            ("retry_failed_run", india, kilo, lima, cargo, *SURE),
            ("retry_failed_run", *everything, *SURE),
            ("skip_run", golf, *SURE, "--seen", "e1-d0"),
            ("skip_run", golf, *SURE, "--seen", rows[golf]["seen"]),
            ("skip_run", golf, mike, hotel, *SURE, "--seen-in", "listed.json"),
            ("skip_run", golf, *SURE, "--seen-in", "nowhere.json"),
            ("skip_run", golf, *BY),
            ("skip_run", *SURE),
            ("pause_workflow", golf, *SURE),
            ("skip_run", golf, "--no-input"),
        ]
    ) == kept(name="resolve_runs")
    assert "\n".join(
        told("resolve_runs", "--operation", *words, typed=typed)
        for typed, words in [
            ("n\n", ("it_didnt_happen", golf, hotel, *BY)),
            ("y\n", ("it_didnt_happen", golf, *BY)),
            ("YES\n", ("it_happened", golf, hotel, *BY)),
            ("yesterday\n", ("skip_run", golf, *BY)),
            ("\n", ("try_again", golf, *BY)),
            ("y\n", ("decide_now", mike, *BY)),
        ]
    ) == kept(name="resolve_runs, asked")


#: What does not go together, or is none of what is asked for.
WRONG = [
    *("skip_run 7 --all", "skip_run --all", "skip_run --workflow invoices", "skip_run many"),
    *("skip_run 7 --workflow invoices", "skip_run 7 --result {}", "it_happened 7 8 --result {}"),
    *("it_happened --workflow invoices --all --result {}", "it_happened 7 --result {number}"),
    *("it_happened 4009 --no-probe --result 7", "it_happened 4009 --no-probe --result [1]"),
    *('it_happened 4009 --no-probe --result "4711"', "skip_run 7 --despite-same-result"),
    *("skip_run 7 --despite-contradiction", "skip_run 7 8 --seen e1-d0"),
    *("skip_run --workflow invoices --all --seen e1-d0", "skip_run 7 --seen e1-d0 --seen-in x"),
    *("skip_run 7 --seen-in /nowhere", "skip_run 7 --seen-in -", "skip_run 7 --seen-in /dev/zero"),
    *("skip_run 4009 --seen nothing", "add_note 7", "take_run 7"),
]


def test_what_does_not_go_together(told: Told, kept: SnapshotAssertion) -> None:
    lines = [told("resolve_runs", "--operation", *words.split(), *SURE) for words in WRONG]
    assert "\n".join(lines) == kept(name="wrong")


def test_what_is_decided_about_events(stage: Stage, told: Told, kept: SnapshotAssertion) -> None:
    of = ("skip_events", "invoices", "invoice.received")
    assert "\n".join(
        [
            *(
                told(*words)
                for words in [
                    (*of, "I-202", "I-203", "I-202", *SURE),
                    (*of, "I-202", "I-101", "I-106", "I-201", "I-999", *SURE),
                    (*of, "I-202", "I-101", *SURE, "--format", "json"),
                    (*of, "I-202", "I-999", *BY, "--dry-run", "--format", "json"),
                    (*of, "--all-pending", *BY, "--dry-run"),
                    (*of, "--all-pending", *SURE),
                    (*of, "I-202", *SURE, "--seen", "r1"),
                    (*of, "I-202", *SURE, "--seen", "r2"),
                    (*of, "I-202", "I-203", *SURE, "--seen", "r1"),
                    (*of, "I-202", "--all-pending", *SURE),
                    (*of, *SURE),
                    (*of, "I-202", *BY),
                    (*of, "I-202", "--actor", "viktor", "--reason", "x", "--no-input"),
                    (*of, "I-202", "--actor", "olga", "--reason", "", "--no-input"),
                    ("skip_events", "refunds", "invoice.paid", "--all-pending", *SURE),
                    ("skip_events", "refunds", "invoice.paid", "--all-pending", *BY),
                    ("skip_events", "refunds", "nowhere", "--all-pending", *SURE),
                    ("skip_events", "nowhere", "invoice.paid", "--all-pending", *SURE),
                ]
            ),
            told(*of, "--all-pending", *BY, typed="no\n"),
            told(*of, "I-202", *BY, typed="y\n"),
        ]
    ) == kept(name="skip_events")


def test_what_is_published(
    stage: Stage, told: Told, kept: SnapshotAssertion, tmp_path: Path
) -> None:
    to = ("publish_events", "invoices", "invoice.received")

    def lines(*records: object) -> bytes:
        return b"".join(json.dumps(each).encode() + b"\n" for each in records)

    def event(number: str, to: str = "Quebec") -> object:
        return {"message_id": number, "payload": {"how": "applied", "to": to, "iban": "DE1"}}

    known = {"how": "applied", "to": "Golf", "iban": "DE00GOLF202"}
    mixed = lines(
        event("new 1"),
        {"message_id": "I-202", "payload": known},
        {"message_id": "I-203", "payload": {**known, "amount": 5}},
        event("I-101", "Alba"),
        event("I-106", "Fox"),
        event("I-201", "Golf"),
        event("new 2"),
        [],
        {"message_id": "no payload"},
        {"message_id": "no lane", "payload": 5},
    )
    assert "\n".join(
        [
            told(*to, stdin=mixed),
            told(*to, "--format", "json", stdin=mixed),
            told(*to, "--dry-run", stdin=mixed),
            told(*to, "--dry-run", "--format", "json", stdin=mixed),
            told(*to, stdin=lines(event("new 1"), event("new 1"))),
            told(*to),
            told("publish_events", "letters", "invoice.received", stdin=lines(event("L-402"))),
            told("publish_events", "invoices", "invoice.paid", stdin=lines(event("by hand"))),
            told("publish_events", "invoices", "nowhere", stdin=lines(event("new 1"))),
            told("publish_events", "nowhere", "invoice.received", stdin=lines(event("new 1"))),
            told(*to, "nowhere.jsonl"),
            told(*to, "-", "--format", "xml"),
        ]
    ) == kept(name="publish_events")


def test_what_is_synced(stage: Stage, told: Told, kept: SnapshotAssertion) -> None:
    def deploys(*words: str, **versions: str) -> str:
        """Tell what the command says where the code has these versions."""
        with code_of(**versions):
            shown = ", ".join(f"{slug} {version}" for slug, version in versions.items())
            return f"# the code: {shown or 'as it is'}\n{told('sync_workflows', *words)}"

    noted = ("--actor", "olga", "--reason", "as Delta asked for")
    ours = ("invoices", "refunds", "letters")
    assert "\n".join(
        [
            deploys(*ours),
            deploys(*ours, "--format", "json"),
            deploys(*ours, *noted, invoices="1.5", refunds="3.0"),
            deploys(*ours, *noted, "--dry-run", invoices="1.5", refunds="3.0"),
            deploys(*ours, "--dry-run", "--format", "json", invoices="1.5", refunds="3.0"),
            deploys("refunds", invoices="1.5", refunds="2.1"),
            deploys(*ours, invoices="1.3", letters="1.1"),
            deploys(*ours, "--format", "json", invoices="1.3", letters="1.1"),
            deploys(*ours, "--format", "json", invoices="1.3", letters="0.9"),
            deploys("invoices", "--rollback", invoices="1.3"),
            deploys("invoices", "--rollback", *noted, invoices="1.3"),
            deploys("invoices", "--rollback", "--dry-run", *noted, invoices="1.3"),
            deploys("invoices", "unpaid", "nowhere"),
            deploys("invoices", "--actor", "nobody"),
            deploys("invoices", "--actor", "left"),
            deploys("new-ones", new_ones="0.1"),
            deploys("invoices", changed="1.4"),
            deploys("invoices", without_consumer="1.5"),
            deploys("invoices", "--format", "json", without_consumer="1.5"),
            deploys("invoices", "--accept-orphans", *noted, without_consumer="1.5"),
        ]
    ) == kept(name="sync_workflows")


def test_what_is_traced(stage: Stage, told: Told, kept: SnapshotAssertion) -> None:
    golf, cargo = stage.run_of("I-201"), stage.run_of("I-103")
    number = stage.event("I-103").pk
    assert "\n".join(
        told("trace", *words)
        for words in [
            ("input", "ERP I-101", "--workflow", "invoices"),
            ("input", "ERP I-104", "--workflow", "invoices"),
            ("input", "ERP I-105", "--workflow", "invoices"),
            ("input", stage.event("I-106").inputs.get().pk),
            ("event", "I-103", "--workflow", "invoices"),
            ("event", "paid-I-102", "--workflow", "invoices"),
            ("event", number, "--depth", "1"),
            ("event", number, "--depth", "2"),
            ("event", number, "--depth", "0"),
            ("event", number, "--format", "json"),
            ("run", cargo.pk),
            ("run", golf.pk),
            ("run", golf.pk, "--format", "json"),
            ("run", golf.pk, "--format", "json", "--actor", "paula"),
            ("run", golf.pk, "--actor", "viktor"),
            ("run", stage.run_of("I-211").pk),
            ("run", stage.run_of("I-221").pk),
            ("run", "1"),
            ("event", "1", "--format", "json"),
            ("event", "I-999", "--workflow", "invoices"),
            ("event", "i-101", "--workflow", "invoices"),
            ("event", "I-101", "--workflow", "refunds"),
            ("event", "I-10", "--workflow", "invoices"),
            ("input", "erp I-101", "--workflow", "invoices"),
            ("input", "I-101"),
            ("run", "4001", "--workflow", "invoices"),
            ("event", "I-101", "--workflow", "nowhere"),
            ("run", "4001", "--actor", "nobody"),
            ("run", "9" * 40),
            ("run", "-1"),
            ("run", "٣"),
            ("input", "ERP I-101", "--workflow", "refunds"),
            ("mutation", "5001"),
        ]
    ) == kept(name="trace")


def test_what_the_doctor_says(stage: Stage, told: Told, kept: SnapshotAssertion) -> None:
    assert "\n".join(
        told("doctor", *words)
        for words in [
            ("--workflow", "nowhere"),
            ("--only", "D000"),
            ("--only", "D305", "--only", "D101", "--only", "D305"),
            ("--only", "D425", "--workflow", "refunds"),
            ("--only", "D425", "--workflow", "invoices"),
            ("--only", "D425", "--format", "json"),
            ("--only", "D801", "--fix"),
        ]
    ) == kept(name="doctor")


@pytest.mark.usefixtures("db")
def test_what_a_worker_does_not_take(kept: SnapshotAssertion) -> None:
    assert "\n".join(
        told_by("run_worker", "--concurrency", number) for number in ("0", "-1", "10001", "many")
    ) == kept(name="run_worker")
