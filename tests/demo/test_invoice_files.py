"""A file of invoices is read to its end, whatever is in it, or refused with the reason (P2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demo.reading import invoice, read
from workflows_app.demo.invoices import BUNDLED, InvoiceFile, UnusableFile

GOOD = {"number": "1", "amount": "12.50", "supplier": "ACME"}
LONG = "x" * 201
FORMAT = "is not written like 1234.50 or 1,234.50"


def csv_file(path: Path, content: str | bytes) -> Path:
    file = path / "invoices.CSV"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_the_bundled_file_has_good_invoices_of_many_suppliers_and_some_broken_lines() -> None:
    file = InvoiceFile.read(BUNDLED)

    assert len(file.invoices) == 212
    assert len({item.supplier for item in file.invoices}) == 12
    assert {line: str(problem) for line, problem in file.broken.items()} == {
        18: "no JSON",
        61: f"amount 'a lot' {FORMAT}",
        89: "no JSON",
        121: "amount '-3.00' is not above 0",
        152: "number is missing",
        191: "no JSON object",
    }
    assert file.last_line == 218


def test_a_csv_is_read_with_byte_order_mark_blank_lines_and_quotes(tmp_path: Path) -> None:
    content = '\ufeffNumber, Date,Amount,Supplier,Department\r\n\r\n1,2020-01-06,"1,234.50","ACME, Inc.",x\r\n'

    file = csv_file(tmp_path, content + "2,,7,Bråk\r\n")

    assert read(file) == [
        (3, invoice("1", "1234.50", "ACME, Inc.", date="2020-01-06")),
        (4, invoice("2", "7", "Bråk")),
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"1,1,234.50,ACME", "4 cells under 3 columns"),
        (b"1,12.50", "supplier is missing"),
        (b"1,12.50,Caf\xe9", r"supplier 'Caf\udce9' is not UTF-8"),
    ],
    ids=["comma_in_the_amount", "short", "latin_1"],
)
def test_a_row_of_a_csv_that_is_torn_is_not_guessed(
    tmp_path: Path, row: bytes, problem: str
) -> None:
    file = csv_file(tmp_path, b"Number,Amount,Supplier\n" + row + b"\n3,7,ACME\n")

    assert read(file) == [(2, problem), (3, invoice("3", "7"))]


def test_an_open_quote_says_how_much_it_swallowed(tmp_path: Path) -> None:
    file = csv_file(tmp_path, 'Number,Amount,Supplier\n1,7,ACME\n2,12.50,"AC\n3,7,ACME\n')

    assert read(file) == [
        (2, invoice("1", "7")),
        (
            3,
            r"supplier 'AC\n3,7,ACME' has a line break or another control character;"
            " it takes 2 lines: is a quote left open?",
        ),
    ]


def test_a_line_break_in_another_column_does_no_harm(tmp_path: Path) -> None:
    file = csv_file(tmp_path, 'Number,Amount,Supplier,Note\n1,7,ACME,"a\nb"\n2,7,ACME,c\n')

    assert read(file) == [(2, invoice("1", "7")), (4, invoice("2", "7"))]


def test_a_cell_without_end_is_reported(tmp_path: Path) -> None:
    file = csv_file(tmp_path, f'Number,Amount,Supplier\n1,7,"{"x" * 140_000}\n')

    assert read(file) == [(2, "no row of a CSV: field larger than field limit (131072)")]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.jsonl", b"", "There is no invoice in a.jsonl."),
        ("a.jsonl", b"\n \n", "There is no invoice in a.jsonl."),
        ("a.csv", b"", "There is no invoice in a.csv."),
        ("a.csv", b"Number,Amount,Supplier\n", "There is no invoice in a.csv."),
        ("a.jsonl", b"x\ny\n", "No line of a.jsonl is an invoice that can be paid; line 1: no JSON."),
        ("a.csv", b"Number,Amount,Supplier\n1,-1,A\n", "No line of a.csv is an invoice that can be paid; line 2: amount '-1' is not above 0."),
        ("a.csv", b"Number;Amount;Supplier\n", "a.csv has no column number. Its first line must name the columns Number, Amount and Supplier, with commas between them; it is 'Number;Amount;Supplier'."),
        ("a.csv", b"Number,Amount\n", "a.csv has no column supplier. Its first line must name the columns Number, Amount and Supplier, with commas between them; it is 'Number,Amount'."),
        ("a.csv", b"Number,Amount,amount,Supplier\n", "a.csv has two columns amount. Its first line must name the columns Number, Amount and Supplier, with commas between them; it is 'Number,Amount,amount,Supplier'."),
    ],
)  # fmt: skip
def test_a_file_of_which_nothing_can_be_paid_says_why(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UnusableFile) as refused:
        InvoiceFile.read(tmp_path / name)

    assert str(refused.value) == sentence


def test_a_file_that_can_not_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile) as refused:
        InvoiceFile.read(tmp_path / "none.csv")

    assert str(refused.value) == "none.csv can't be read: No such file or directory."
