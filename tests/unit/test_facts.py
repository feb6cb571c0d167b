"""Any JSON as rows that people read: each kind of value once, and the bounds of what is shown."""

from __future__ import annotations

from typing import Any

from syrupy.assertion import SnapshotAssertion

from workflows_app.admin.values import facts_of, in_brief, in_short

_EVERYTHING: dict[str, Any] = {
    "nothing": None,
    "yes": True,
    "no": False,
    "zero": 0,
    "one": 1,
    "price": 12.5,
    "amount": "1'250.00 EUR",
    "order_number": "4711",
    "customerId": 12,
    "VAT-rate": "19%",
    "": "no name",
    "empty": "",
    "blank": "  ",
    "emptyList": [],
    "emptyObject": {},
    "short": ["a", None, 0, False, ""],
    "mixed": ["first", {"amount": 2}],
    "ten": list(range(10)),
    "eleven": list(range(11)),
    "of 120 characters": ["x" * 60, "y" * 60],
    "of 121 characters": ["x" * 60, "y" * 61],
    "deep": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}},
    "long": "z" * 2_001,
}


def _rows(value: Any) -> list[str]:
    found = facts_of(value)
    rows = [f"{row.label} ({row.name}): {row.text}" + " #" * row.is_amount for row in found.rows]
    return rows + ["…"] * found.is_cut


def test_each_kind_of_value(kept: SnapshotAssertion) -> None:
    texts = [*_rows(_EVERYTHING), "", *_rows("alone"), *_rows([]), *_rows({})]
    assert "\n".join(texts) == kept(name="everything")


def test_no_more_rows_than_a_page_takes() -> None:
    whole = facts_of(dict.fromkeys(map(str, range(60)), 1))
    cut = facts_of(dict.fromkeys(map(str, range(61)), 1))
    assert (len(whole.rows), whole.is_cut) == (60, False)
    assert (len(cut.rows), cut.is_cut) == (60, True)


def test_in_a_line_stand_the_first_short_values_and_an_amount() -> None:
    payload = {"a": "x" * 60, "b": "x" * 61, "c": "here", "d": "p", "e": "q", "f": "r", "g": "9.50"}
    told = f"A: {'x' * 60}, D: p, E: q, G: 9.50"
    assert in_brief(payload, without="here") == told
    assert in_brief({"g": "9.50", "d": "p"}, without="") == "G: 9.50, D: p"


def test_among_many_what_is_long_is_cut() -> None:
    whole, long = "x" * 998, "x" * 999
    assert in_short(long, among=1) == in_short(whole, among=2) == ""
    assert in_short(long, among=2) == (
        f'<pre class="ops-json">&quot;{"x" * 999} … '
        "(cut; 1,001 characters: its own page shows all)</pre>"
    )
