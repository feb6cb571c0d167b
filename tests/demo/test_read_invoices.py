"""The demo's producer reads a file to its end, once, and goes on where it stopped (P2, P5)."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from workflows_app.conf import policy
from workflows_app.demo.invoices import FILE_VARIABLE
from workflows_app.demo.workflows import Invoices, ReadInvoices
from workflows_app.engine.contexts import PollView
from workflows_app.sdk import TransientError


class OneByOne(ReadInvoices):
    limit = 1


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the producer reads, empty."""
    path = tmp_path / "invoices.jsonl"
    path.touch()
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    return path


def add(file: Path, *numbers: str, supplier: str = "ACME") -> None:
    with file.open("a") as stream:
        for number in numbers:
            row = {"number": number, "amount": "12.50", "supplier": supplier}
            stream.write(json.dumps(row) + "\n")


def poll(state: Any, producer: type[ReadInvoices] = ReadInvoices) -> tuple[list[str], Any]:
    """Poll once; return the published message ids and the new state."""
    view = PollView(producer, Invoices, policy(), timezone.now())
    state = producer().poll(view, state)
    view.raise_violation()
    return [item.message_id for item in view.publications], state


def test_only_new_lines_are_published(file: Path) -> None:
    add(file, "1", "2")
    first, state = poll(None)
    nothing, same_state = poll(state)
    add(file, "4")
    second, last_state = poll(same_state)

    assert (first, nothing, second) == (["1", "2"], [], ["4"])
    assert state == same_state == {"file": str(file), "read_to": 2, "published": 2}
    assert last_state == {"file": str(file), "read_to": 3, "published": 3}


def test_an_event_comes_of_its_invoice(file: Path) -> None:
    add(file, "1", supplier="A" * 200)
    view = PollView(ReadInvoices, Invoices, policy(), timezone.now())
    ReadInvoices().poll(view, None)

    (item,) = view.publications
    assert item.payload == {
        "number": "1",
        "date": "",
        "amount": "12.50",
        "supplier": "A" * 200,
    }
    assert [item.input] == view.inputs
    ref = view.inputs[0]
    assert (ref.source, ref.type, ref.external_id) == ("accounting", "invoice", "1")
    assert ref.title == f"Invoice 1 from {'A' * 200}"


def test_the_longest_number_and_supplier_are_no_violation(file: Path) -> None:
    add(file, "N" * 200, supplier="S" * 200)

    assert poll(None)[0] == ["N" * 200]


def test_a_long_file_takes_more_than_one_poll(file: Path) -> None:
    add(file, "1", "2")
    first, state = poll(None, OneByOne)
    second, later_state = poll(state, OneByOne)
    nothing, last_state = poll(later_state, OneByOne)

    assert (first, second, nothing) == (["1"], ["2"], [])
    assert last_state == {"file": str(file), "read_to": 2, "published": 2}


def test_another_file_is_read_from_its_start(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(file, "1", "2")
    _, state = poll(None)
    other = tmp_path / "other.jsonl"
    add(other, "3")
    monkeypatch.setenv(FILE_VARIABLE, str(other))

    assert poll(state) == (["3"], {"file": str(other), "read_to": 1, "published": 1})


def test_a_broken_line_is_passed_and_logged_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("no json\n")
    add(file, "1")

    with caplog.at_level(logging.WARNING, "workflows_app.demo"):
        published, state = poll(None)
        poll(state)

    assert published == ["1"]
    assert caplog.messages == ["invoice.broken line=1 problem=no JSON"]


def test_a_file_that_is_away_for_a_moment_is_read_later(file: Path) -> None:
    file.unlink()

    with pytest.raises(TransientError) as failure:
        poll(None)

    assert str(failure.value) == f"{file} can't be read: No such file or directory"
