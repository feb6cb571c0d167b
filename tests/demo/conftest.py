"""What the tests of the demo share: its bank, and its workflow at that bank."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.office import Office
from tests.demo.open_bank import SEED, OpenBank, open_bank
from workflows_app.demo.bank.mischief import Mischief
from workflows_app.demo.invoices import FILE_VARIABLE
from workflows_app.demo.workflows import BANK_URL_VARIABLE, Invoices
from workflows_app.testing import registered


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[OpenBank]:
    """A bank that is open for the test."""
    with open_bank(tmp_path / "bank.jsonl", Mischief(SEED)) as bank:
        yield bank


@pytest.fixture
def office(bank: OpenBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """The demo's workflow, with an empty file of invoices, at a bank whose search does not lag."""
    bank.server.search_lag_seconds = 0
    office = Office(bank, tmp_path / "invoices.jsonl")
    monkeypatch.setenv(BANK_URL_VARIABLE, bank.url)
    monkeypatch.setenv(FILE_VARIABLE, str(office.path))
    with registered(Invoices, allow_outside=True):
        yield office
