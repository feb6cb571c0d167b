"""The bank's records survive its death, and which request fails is up to the seed alone (P1)."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.open_bank import SEED, invoice_that, plain_http
from tests.eventually import eventually
from workflows_app.demo.bank.ledger import Ledger, read_entries
from workflows_app.demo.bank.mischief import (
    PAYMENT_FAILURES,
    WEBHOOK_FAILURES,
    Mischief,
)

NUMBERS = [f"INV-{number:05}" for number in range(10_000)]


@pytest.fixture
def start_bank(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start banks on one ledger; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        records = ["--ledger", str(tmp_path / "made" / "bank.jsonl")]
        process = subprocess.Popen(
            [sys.executable, "-m", "workflows_app.demo.bank", *records, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def open_bank(
    start_bank: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> Callable[[], tuple[subprocess.Popen[str], str]]:
    """Start a bank; return it, and the address of its payments, once it is open."""

    def start() -> tuple[subprocess.Popen[str], str]:
        port_file = tmp_path / "port"
        port_file.unlink(missing_ok=True)
        process = start_bank("--port-file", str(port_file), "--seed", str(SEED))
        eventually(port_file.exists, True)
        return process, f"http://127.0.0.1:{port_file.read_text()}/payments"

    return start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_answered_for_is_there_after_a_kill(
    open_bank: Callable[[], tuple[subprocess.Popen[str], str]], number: int
) -> None:
    body, http = {"invoice": invoice_that(), "amount": "12.50"}, plain_http()
    process, url = open_bank()
    paid = http.post(url, json=body, headers={"Idempotency-Key": "k-1"}).json()
    process.kill()
    process.wait()

    process, url = open_bank()
    listed = http.get(url).json()
    again = http.post(url, json=body, headers={"Idempotency-Key": "k-1"})
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)

    assert listed == [paid]
    assert (again.status_code, again.json()) == (200, paid)
    assert (process.returncode, errors) == (0, "")
    assert output.startswith("The bank is open at http://127.0.0.1:")


def test_a_taken_port_is_told(start_bank: Callable[..., subprocess.Popen[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = start_bank("--port", str(port))
        _, errors = process.communicate(timeout=20)

    assert errors == f"The bank can't open port {port}: {os.strerror(errno.EADDRINUSE)}.\n"
    assert process.returncode == 1


@pytest.mark.parametrize("torn", [b'{"kind": "pay', b'{"kind": "payment", "key": "k-2"}'])
def test_a_line_that_a_kill_tore_was_never_answered_for_and_is_cut_off(
    tmp_path: Path, torn: bytes
) -> None:
    records = tmp_path / "bank.jsonl"
    kept, is_new = Ledger(records).pay("k-1", {"invoice": "1"})
    with records.open("ab") as file:
        file.write(torn)

    assert read_entries(records) == [kept]
    ledger = Ledger(records)
    ledger.deliver("ACME", "k-1", {"invoice": "1"})
    next_payment, next_is_new = ledger.pay("k-2", {"invoice": "2"})

    assert (is_new, next_is_new) == (True, True)
    assert ledger.payments() == [kept, next_payment]
    assert read_entries(records) == [kept, *ledger.deliveries(), next_payment]
    assert [entry.get("number") for entry in read_entries(records)] == [1, None, 2]


def test_no_records_are_no_entries(tmp_path: Path) -> None:
    assert read_entries(tmp_path / "none.jsonl") == []


def test_a_seed_repeats_itself_and_no_other() -> None:
    def played(seed: int) -> list[str]:
        mischief = Mischief(seed)
        return [mischief.of_payment(number) for number in NUMBERS[:500]]

    assert played(1) == played(1)
    assert played(1) != played(2)


@pytest.mark.parametrize(
    ("kind", "failures"), [("payment", PAYMENT_FAILURES), ("webhook", WEBHOOK_FAILURES)]
)
def test_each_failure_comes_about_as_often_as_it_should(
    kind: str, failures: dict[str, int]
) -> None:
    mischief = Mischief(SEED)
    of = mischief.of_payment if kind == "payment" else mischief.of_webhook

    seen = Counter(of(number) for number in NUMBERS)

    assert set(seen) == {"", *failures}
    for name, of_a_thousand in failures.items():
        assert 0.5 < seen[name] / (10 * of_a_thousand) < 1.5, name


def test_only_a_rejection_lasts() -> None:
    mischief = Mischief(SEED)
    first = {number: mischief.of_payment(number) for number in NUMBERS[:1000]}
    second = {number: mischief.of_payment(number) for number in NUMBERS[:1000]}

    rejected = {number for number, failure in first.items() if failure == "rejected"}
    assert rejected
    assert {number for number, failure in second.items() if failure} == rejected
