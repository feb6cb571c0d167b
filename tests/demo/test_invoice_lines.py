"""A line of a file is paid as it stands, or reported: never guessed, never lost silently (P2)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.demo.reading import invoice, read
from workflows_app.demo.invoices import Invoice

GOOD = {"number": "1", "amount": "12.50", "supplier": "ACME"}
LONG = "x" * 201
FORMAT = "is not written like 1234.50 or 1,234.50"


def json_lines(path: Path, *rows: object) -> Path:
    file = path / "invoices.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return file


def problem_of(path: Path, **wrong: object) -> str:
    """Return what the reader says of a good invoice with something wrong in it."""
    ((line, item),) = read(json_lines(path, {**GOOD, **wrong}))
    assert line == 1
    assert isinstance(item, str), item
    return item


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("12.50", "12.50"),
        (" 1,234.50 ", "1234.50"),
        ("1,234,567", "1234567"),
        ("0.01", "0.01"),
        ("7", "7"),
        ("007.5", "7.5"),
        ("999999999999.99", "999999999999.99"),
        (12.5, "12.5"),
        (1234, "1234"),
    ],
)
def test_a_clear_amount_is_taken_to_the_cent(tmp_path: Path, written: object, read_as: str) -> None:
    file = json_lines(tmp_path, {**GOOD, "amount": written})

    assert read(file) == [(1, invoice("1", amount=read_as))]


@pytest.mark.parametrize(
    "written",
    [
        "a lot",
        "1e5",
        "1E+05",
        "12,50",
        "1.234,56",
        "1,23.00",
        "0.005",
        "£5",
        "+5",
        "NaN",
        "١٢",
        ".",
    ],
)
def test_an_unclear_amount_is_not_guessed(tmp_path: Path, written: str) -> None:
    assert problem_of(tmp_path, amount=written) == f"amount {written!r} {FORMAT}"


@pytest.mark.parametrize(
    ("amount", "problem"),
    [
        ("-3.00", "amount '-3.00' is not above 0"),
        ("-1,000", "amount '-1,000' is not above 0"),
        ("0", "amount '0' is not above 0"),
        ("0.00", "amount '0.00' is not above 0"),
        ("1000000000000", "amount '1000000000000' is above 999,999,999,999.99"),
        (None, "amount is missing"),
        ("  ", "amount is missing"),
        (True, "amount is no text: True"),
        ([1], "amount is no text: ['1']"),
        (float("inf"), "amount is no text: inf"),
    ],
)
def test_an_amount_that_can_not_be_paid_says_why(
    tmp_path: Path, amount: object, problem: str
) -> None:
    assert problem_of(tmp_path, amount=amount) == problem


def test_a_number_in_json_keeps_the_digits_that_are_written(tmp_path: Path) -> None:
    file = tmp_path / "invoices.jsonl"
    lines = [
        f'{{"number": {n}, "amount": {a}, "supplier": "ACME"}}' for n, a in ((7, 3.10), (8, 1e5))
    ]
    lines[0] = lines[0].replace("3.1", "3.10")
    file.write_text("\n".join(lines).replace("100000.0", "1e5"))

    assert read(file) == [(1, invoice("7", amount="3.10")), (2, f"amount '1e5' {FORMAT}")]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"number": ""}, "number is missing"),
        ({"number": " \t"}, "number is missing"),
        ({"supplier": None}, "supplier is missing"),
        ({"supplier": {"name": "ACME"}}, "supplier is no text: {'name': 'ACME'}"),
        ({"supplier": "AC\nME"}, r"supplier 'AC\nME' has a line break or another control character"),
        ({"supplier": "AC\x00ME"}, r"supplier 'AC\x00ME' has a line break or another control character"),
        ({"supplier": "AC\ud800ME"}, r"supplier 'AC\ud800ME' is not UTF-8"),
        ({"supplier": LONG}, "supplier has 201 characters; at most 200 are allowed"),
        ({"number": LONG}, "number has 201 characters; at most 200 are allowed"),
        ({"date": LONG}, "date has 201 characters; at most 200 are allowed"),
    ],
)  # fmt: skip
def test_what_can_not_be_an_invoice_says_why(
    tmp_path: Path, wrong: dict[str, object], problem: str
) -> None:
    assert problem_of(tmp_path, **wrong) == problem


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"no json", "no JSON"),
        (b'{"number": "1"', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[1, 2]", "no JSON object"),
        (b"{}", "number is missing"),
        (b"\xff\xfe{\x00}\x00", "no JSON"),
        (b'{"number": "Caf\xe9"}', r"number 'Caf\udce9' is not UTF-8"),
    ],
)
def test_rubbish_does_not_end_the_reading(tmp_path: Path, line: bytes, problem: str) -> None:
    file = tmp_path / "invoices.jsonl"
    file.write_bytes(line + b"\n\n" + json.dumps(GOOD).encode())

    assert read(file) == [(1, problem), (3, invoice("1"))]


def test_names_of_fields_may_be_written_large_and_other_fields_do_no_harm(tmp_path: Path) -> None:
    row = {"Number": "1", "AMOUNT": "12.50", "Supplier": " ACME ", "Department": 7}

    assert read(json_lines(tmp_path, row)) == [(1, Invoice("1", "", "12.50", "ACME"))]


def test_a_number_that_comes_again_is_reported_and_not_paid(tmp_path: Path) -> None:
    again = {**GOOD, "amount": "99", "supplier": "Bråk"}
    broken_first = {**GOOD, "number": "2", "amount": "?"}
    file = json_lines(tmp_path, GOOD, broken_first, again, GOOD, {**GOOD, "number": " 2 "})

    assert read(file) == [
        (1, invoice("1")),
        (2, f"amount '?' {FORMAT}"),
        (3, "number '1' is on line 1 already"),
        (4, "number '1' is on line 1 already"),
        (5, invoice("2")),
    ]
