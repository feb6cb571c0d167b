"""Texts and values from outside, as pages show them: nothing obeyed, nothing hidden, nothing without end."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from workflows_app.admin.values import facts_of, label_of
from workflows_app.admin.visible import visible
from workflows_app.templatetags.workflows_app import folded, when


def test_what_turns_or_hides_text_is_a_visible_mark() -> None:
    assert visible("invoice\u202efdp.exe") == "invoice⟦U+202E⟧fdp.exe"
    assert visible("AC\u200bME\x00\x1b[31m\ufeff") == "AC⟦U+200B⟧ME⟦U+0000⟧⟦U+001B⟧[31m⟦U+FEFF⟧"
    # What people write is left as it is: lines, tabs, Hebrew, Persian joiners.
    for text in ("two\nlines\tand", "שלום", "می\u200cخواهم", "Müller & Söhne"):
        assert visible(text) == text
    assert visible("a\r\nb") == "a\nb"


@pytest.mark.parametrize(
    "number",
    [
        *(0x00, 0x08, 0x0B, 0x1F, 0x7F, 0x9F, 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029),
        *(0x202A, 0x202E, 0x2060, 0x206F, 0xD800, 0xDFFF, 0xFEFF, 0xFFF9, 0xFFFB, 0xE0000, 0xE007F),
    ],
    ids="U+{:04X}".format,
)  # fmt: skip
def test_each_sort_of_them_is_one(number: int) -> None:
    assert visible(f"a{chr(number)}b") == f"a⟦U+{number:04X}⟧b"


def test_a_line_of_the_log_is_one_line_and_commands_no_terminal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("workflows_app")
    logger.warning("event.refused message_id=%s", "42\nrun.committed run=1 \x1b[2J")
    logger.warning("%d%%", 7)
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        logger.exception("it failed")
    assert str(caplog.records[2].exc_text).endswith("ValueError: ⟦U+001B⟧[2J")
    assert caplog.messages == [
        "event.refused message_id=42⟦U+000A⟧run.committed run=1 ⟦U+001B⟧[2J",
        "7%",
        "it failed",
    ]


def test_a_text_of_any_length_takes_a_small_part_of_a_page() -> None:
    shown = visible("x" * 20_000_000)
    assert shown.endswith("… (20,000,000 characters in all)")
    assert len(shown) < 21_000
    assert str(folded("<b>" * 100)).count("&lt;b&gt;") > 100


def test_parameters_are_rows_with_labels_and_exact_values() -> None:
    told = facts_of(
        {
            "supplierIban": "DE02 1203",
            "amount": "1234.50",
            "paymentNumber": 46,
            "customer_id": "12",
            "total_count": 3,
            "paid": False,
            "note": None,
            "lines": [{"net_amount": 10.10}, {"net_amount": 2}],
            "tags": ["a", "b"],
            "empty": {},
        }
    )
    assert [(fact.label, fact.text) for fact in told.rows] == [
        ("Supplier iban", "DE02 1203"),
        ("Amount", "1234.50"),
        ("Payment number", "46"),
        ("Customer id", "12"),
        ("Total count", "3"),
        ("Paid", "no"),
        ("Note", "nothing"),
        ("Lines, 1, Net amount", "10.1"),
        ("Lines, 2, Net amount", "2"),
        ("Tags", "a, b"),
        ("Empty", "empty"),
    ]
    assert [fact.label for fact in told.rows if fact.is_amount] == [
        "Amount",
        "Total count",
        "Lines, 1, Net amount",
        "Lines, 2, Net amount",
    ]
    assert label_of("VAT_number") == "VAT number"


def test_a_huge_payload_is_cut_and_says_so() -> None:
    told = facts_of({f"field {number}": "y" * 5_000 for number in range(5_000)})
    assert told.is_cut
    assert sum(len(fact.text) for fact in told.rows) < 150_000
    deep: object = "bottom"
    for _ in range(100):
        deep = {"in": deep}
    assert len(facts_of(deep).rows) == 1


def test_an_instant_tells_itself_exactly_to_whoever_points_at_it() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    assert str(when(at)) == (
        '<time datetime="2026-01-02T03:04:05.678000Z" title="2026-01-02 03:04:05.678 UTC" data-ops-when>'
        "2026-01-02 03:04:05 UTC</time>"
    )
