"""`demo --no-serve` as it is run: it pays, settles, compares, and leaves nothing behind (P1, P2, P3)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.demo.open_bank import SEED, invoice_that
from tests.demo.runs import DemoProcess, is_left_behind
from tests.eventually import eventually
from workflows_app.demo import places

LOST = invoice_that("answer_lost")
ABSENT = invoice_that("unavailable_before")
REJECTED = invoice_that("rejected")
UNHEARD = invoice_that(webhook_fails="answer_lost")
UNWANTED = invoice_that(webhook_fails="rejected")


class Ended(NamedTuple):
    code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """Two runs at the same time: a team's CSV in which much goes wrong, and one out of time."""
    base = tmp_path_factory.mktemp("demo")
    numbers = (LOST, ABSENT, REJECTED, UNHEARD, UNWANTED, LOST)
    rows = [f'{number},"1,000.10",Bråk' for number in numbers]
    file = base / "ours.csv"
    file.write_text("\ufeff" + "\n".join(["Number,Amount,Supplier", *rows, "G-1,a lot,Bråk"]))
    commands = {
        "ours": [f"--invoices={file}", f"--seed={SEED}"],
        "out of time": ["--time-limit=1", "--verbosity=2"],
    }
    runs = {
        name: DemoProcess(base / name, "--no-serve", *arguments)
        for name, arguments in commands.items()
    }
    try:
        yield {name: Ended(run.wait(), run.stdout, run.stderr) for name, run in runs.items()}
    finally:
        for run in runs.values():
            run.stop()


def test_all_is_settled_and_bank_and_ledger_agree(ended: dict[str, Ended]) -> None:
    code, stdout, stderr = ended["ours"]

    assert (code, stderr) == (0, "")
    told, _, result = stdout.partition("\nSettled after ")
    intro, *happened = told.splitlines()
    assert intro == (
        f"Paying 5 invoices of ours.csv at a bank that fails on purpose (seed {SEED})."
        " What blocks is settled by a person, played here."
    )
    decisions = [line.partition(" s  ")[2] for line in happened if "“" in line]
    assert [line.partition("”")[0][1:] for line in sorted(decisions)] == [
        "Retry now",
        "Skip event",
        "Skip",
    ]
    assert result.partition("\n\n")[2].splitlines() == [
        "Invoices:  5 to pay, and 2 that can't be paid:",
        f"           line 7: number '{LOST}' is on line 2 already",
        "           line 8: amount 'a lot' is not written like 1234.50 or 1,234.50",
        "Payments:  4 at the bank, 4,000.40 in all; in the ledger: 4 applied, 1 failed, 1 rejected",
        "Events:    invoice.received: 5 consumed",
        "Webhooks:  3 at the bank; in the ledger: 2 applied, 1 failed, 1 skipped",
        "Events:    invoice.paid: 2 consumed, 2 skipped",
        "",
        "Bank and ledger agree, to the last payment.",
        f"What the processes logged: {places.last_log()}",
    ]


def test_a_run_out_of_time_fails_and_says_what_is_open(ended: dict[str, Ended]) -> None:
    code, stdout, stderr = ended["out of time"]

    assert code == 1
    assert "\nThe time limit of 1 s was reached after " in stdout
    assert "\nSTILL OPEN: " in stdout
    assert "DISAGREEMENT" not in stdout
    assert stdout.endswith("\nBank and ledger agree so far.\n")
    assert "INFO workflows_app workflow.synced workflow=invoices" in stderr
    assert "System check" not in stderr


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 1, marks=pytest.mark.long),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_nothing_is_left_if_it_is_ended(tmp_path: Path, number: int, code: int) -> None:
    run = DemoProcess(tmp_path / "run", "--no-serve")
    try:
        # The inner process, the bank and two workers.
        run.wait_for_children(4)
        name = run.run_name()
        assert is_left_behind(name)
        run.signal(number)

        assert run.wait() == code
        assert run.left_alive() == []
        eventually(lambda: is_left_behind(name), False)
        assert run.stderr == ""
    finally:
        run.stop()
