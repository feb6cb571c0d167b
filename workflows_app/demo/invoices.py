"""Reading invoices: the demo's own JSON lines, or a team's CSV or JSON lines.

A line is an invoice that can be paid as it stands, or it is broken and says why. Nothing is guessed:
a wrong guess would pay a wrong amount, and a line that is left out silently would be lost (P2).
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TextIO

BUNDLED = Path(__file__).parent / "invoices.jsonl"
FILE_VARIABLE = "WORKFLOWS_DEMO_INVOICES"

_REQUIRED = ("number", "amount", "supplier")
_FIELDS = (*_REQUIRED, "date")
_LONGEST = 200
_PLAIN_AMOUNT = re.compile(r"-?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]{1,2})?")
_LARGEST_AMOUNT = Decimal("999999999999.99")
#: What stands for bytes that are not UTF-8, and JSON's half surrogate pairs.
_NO_TEXT = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class BrokenInvoice(ValueError):
    """A line is no invoice that can be paid."""


class UnusableFile(ValueError):
    """Nothing in the file can be paid. The sentence says why."""


@dataclass(frozen=True)
class Invoice:
    """An invoice to pay. `amount` is plain decimal text, so that no cent is lost on the way."""

    number: str
    date: str
    amount: str
    supplier: str


@dataclass(frozen=True)
class InvoiceFile:
    """A file of invoices as it was when it was read."""

    lines: dict[int, Invoice | BrokenInvoice]

    @classmethod
    def read(cls, path: Path) -> InvoiceFile:
        """Read the whole file. Raises UnusableFile if no line of it can be paid."""
        try:
            file = cls(dict(read_invoices(path)))
        except OSError as error:
            raise UnusableFile(f"{path.name} can't be read: {error.strerror}.") from None
        if not file.lines:
            raise UnusableFile(f"There is no invoice in {path.name}.")
        if not file.invoices:
            line, problem = next(iter(file.broken.items()))
            raise UnusableFile(
                f"No line of {path.name} is an invoice that can be paid; line {line}: {problem}."
            )
        return file

    @property
    def invoices(self) -> list[Invoice]:
        return [item for item in self.lines.values() if isinstance(item, Invoice)]

    @property
    def broken(self) -> dict[int, BrokenInvoice]:
        return {line: item for line, item in self.lines.items() if isinstance(item, BrokenInvoice)}

    @property
    def last_line(self) -> int:
        return max(self.lines)


def invoice_file() -> Path:
    """Return the file that producers read."""
    return Path(os.environ.get(FILE_VARIABLE) or BUNDLED)


def read_invoices(path: Path) -> Iterator[tuple[int, Invoice | BrokenInvoice]]:
    """Yield each line's number, from 1, with its invoice or with what is wrong about it.

    An invoice number that comes again is broken, whatever else its line says. Raises OSError, and
    UnusableFile if a CSV has not the columns that it needs.
    """
    first_line_of: dict[str, int] = {}
    # What is not UTF-8 must not end the reading: it comes as half surrogate pairs.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        is_csv = path.suffix.lower() == ".csv"
        for line, item in _csv_rows(path.name, stream) if is_csv else _json_lines(stream):
            if isinstance(item, BrokenInvoice):
                yield line, item
                continue
            first = first_line_of.setdefault(item.number, line)
            if first == line:
                yield line, item
            else:
                yield line, BrokenInvoice(f"number {item.number!r} is on line {first} already")


def _csv_rows(name: str, stream: TextIO) -> Iterator[tuple[int, Invoice | BrokenInvoice]]:
    rows = csv.reader(stream)
    columns: list[str] = []
    while True:
        line = rows.line_num + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, BrokenInvoice(f"no row of a CSV: {error}")
            continue
        if not "".join(cells).strip():
            continue
        if not columns:
            columns = _checked_columns(name, cells)
        else:
            yield line, _row(columns, cells, lines=rows.line_num - line + 1)


def _row(columns: list[str], cells: list[str], *, lines: int) -> Invoice | BrokenInvoice:
    item = (
        BrokenInvoice(f"{len(cells)} cells under {len(columns)} columns")
        if len(cells) > len(columns)
        else _checked(dict(zip(columns, cells, strict=False)))
    )
    if isinstance(item, BrokenInvoice) and lines > 1:
        return BrokenInvoice(f"{item}; it takes {lines} lines: is a quote left open?")
    return item


def _checked_columns(name: str, cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    missing = [column for column in _REQUIRED if column not in columns]
    twice = [column for column in _FIELDS if columns.count(column) > 1]
    if missing or twice:
        problem = f"no column {missing[0]}" if missing else f"two columns {twice[0]}"
        raise UnusableFile(
            f"{name} has {problem}. Its first line must name the columns Number, Amount and"
            f" Supplier, with commas between them; it is {','.join(cells)[:_LONGEST]!r}."
        )
    return columns


def _json_lines(stream: TextIO) -> Iterator[tuple[int, Invoice | BrokenInvoice]]:
    for number, line in enumerate(stream, start=1):
        if line.strip():
            yield number, _parsed(line)


def _parsed(line: str) -> Invoice | BrokenInvoice:
    try:
        # Numbers stay as they are written: a float would not.
        row = json.loads(line, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return BrokenInvoice("no JSON")
    if not isinstance(row, dict):
        return BrokenInvoice("no JSON object")
    return _checked({key.lower(): value for key, value in row.items()})


def _checked(row: dict[str, object]) -> Invoice | BrokenInvoice:
    texts = {}
    for name in _FIELDS:
        value = row.get(name)
        value = "" if value is None else value
        if not isinstance(value, str):
            return BrokenInvoice(f"{name} is no text: {value!r:.40}")
        texts[name] = value.strip()
        problem = _problem_of_text(texts[name], is_required=name in _REQUIRED)
        if problem:
            return BrokenInvoice(f"{name} {problem}")
    amount = _amount(texts["amount"])
    if isinstance(amount, BrokenInvoice):
        return amount
    return Invoice(
        number=texts["number"],
        date=texts["date"],
        amount=str(amount),
        supplier=texts["supplier"],
    )


def _problem_of_text(text: str, *, is_required: bool) -> str:
    if is_required and not text:
        return "is missing"
    if _NO_TEXT.search(text):
        return f"{text[:40]!r} is not UTF-8"
    if _CONTROL.search(text):
        return f"{text[:40]!r} has a line break or another control character"
    if len(text) > _LONGEST:
        return f"has {len(text)} characters; at most {_LONGEST} are allowed"
    return ""


def _amount(text: str) -> Decimal | BrokenInvoice:
    if not _PLAIN_AMOUNT.fullmatch(text):
        return BrokenInvoice(f"amount {text!r} is not written like 1234.50 or 1,234.50")
    amount = Decimal(text.replace(",", ""))
    if amount <= 0:
        return BrokenInvoice(f"amount {text!r} is not above 0")
    if amount > _LARGEST_AMOUNT:
        return BrokenInvoice(f"amount {text!r} is above {_LARGEST_AMOUNT:,}")
    return amount
