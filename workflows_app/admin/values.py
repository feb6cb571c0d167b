"""Parameters, payloads and results as a table that people read: a label and a value a row, and no JSON.

A value is shown as it is stored: `12.50` stays `12.50`, and what is a text is never taken for a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from workflows_app.admin.visible import visible

#: The most rows of one table, and the most steps into it.
ROWS_SHOWN = 60
DEEPEST = 6
#: The most characters of one value; and of a label.
VALUE_LENGTH = 2_000
_LABEL_LENGTH = 80
#: What is told of a payload in a line: so many values, and none that is longer.
BRIEF_ROWS = 4
_BRIEF = 60
#: The most characters of parameters and payloads of each row in a preview of many.
SHOWN_AMONG_MANY = 1_000
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: What ends so names something: it is no amount, whatever its digits.
_NAMING = ("number", "id")
_AMOUNT = re.compile(r"[+-]?[\d.,' ]*\d(?: ?(?:[A-Z]{3}|[€$£%]))?")


@dataclass(frozen=True)
class Fact:
    """One value with its label. `name` is how the code calls it."""

    label: str
    name: str
    text: str
    #: A number, or a text that reads like an amount, unless it is a name: its digits stand below each other.
    is_amount: bool = False


@dataclass(frozen=True)
class Facts:
    """The rows of a table, and how many values are left out."""

    rows: list[Fact]
    is_cut: bool = False


def facts_of(value: Any) -> Facts:
    """Return any JSON as rows; those of inner objects and lists have labels like “Lines, 2, Amount”."""
    rows: list[Fact] = []
    for fact in _facts(value, (), 0):
        if len(rows) == ROWS_SHOWN:
            return Facts(rows, is_cut=True)
        rows.append(fact)
    return Facts(rows)


def in_brief(value: Any, *, without: str) -> str:
    """Return what tells most of a payload, in a line: its first short values, with an amount if it has one.

    `without`: what stands beside it already.
    """
    rows = [row for row in facts_of(value).rows if row.text != without and len(row.text) <= _BRIEF]
    chosen = rows[:BRIEF_ROWS]
    amount = next((row for row in rows if row.is_amount), None)
    if amount is not None and amount not in chosen:
        chosen[-1] = amount
    return ", ".join(f"{row.label}: {row.text}" for row in chosen)


def in_short(value: Any, *, among: int) -> SafeString | str:
    """Return `value` as JSON, escaped and cut, where it is one `among` many and long; else it is shown as a table."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if among == 1 or len(text) <= SHOWN_AMONG_MANY:
        return ""
    cut = _("(cut; %(number)s characters: its own page shows all)") % {"number": f"{len(text):,}"}
    return format_html(
        '<pre class="ops-json">{}</pre>', visible(f"{text[:SHOWN_AMONG_MANY]} … {cut}")
    )


def label_of(name: str) -> str:
    """Return a name of code as people read it: `supplier_iban` and `supplierIban` as “Supplier iban”."""
    words = _HUMP.sub(" ", name.replace("_", " ").replace("-", " ")).split()
    told = " ".join(word if word.isupper() else word.lower() for word in words) or name
    return visible(told[:1].upper() + told[1:], _LABEL_LENGTH)


def _facts(value: Any, path: tuple[str, ...], depth: int) -> Iterator[Fact]:
    inner: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        inner = [(str(key), each) for key, each in value.items()]
    elif isinstance(value, list) and not _is_short(value):
        inner = [(str(number), each) for number, each in enumerate(value, start=1)]
    if not inner or depth == DEEPEST:
        yield _fact(value, path)
        return
    for name, each in inner:
        yield from _facts(each, (*path, name), depth + 1)


def _is_short(value: list[Any]) -> bool:
    """Tell whether a list fits into one row."""
    plain = all(not isinstance(each, dict | list) for each in value)
    return plain and len(value) <= 10 and sum(len(str(each)) for each in value) <= 120


def _fact(value: Any, path: tuple[str, ...]) -> Fact:
    label = ", ".join(label_of(name) for name in path) or _("Value")
    text = _text(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_amount = is_number or (isinstance(value, str) and _AMOUNT.fullmatch(value) is not None)
    is_name = label.lower().split(" ")[-1] in _NAMING
    name = visible(".".join(path), _LABEL_LENGTH)
    return Fact(label, name, text, is_amount and not is_name)


def _text(value: Any) -> str:
    if value is None:
        return _("nothing")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str):
        return visible(value, VALUE_LENGTH) if value.strip() else _("empty text")
    if isinstance(value, list) and _is_short(value):
        return ", ".join(_text(each) for each in value) or _("empty list")
    return (
        visible(json.dumps(value, ensure_ascii=False), VALUE_LENGTH) if value != {} else _("empty")
    )
