"""The bank's pages for people: what is there is found, and what a name says stays text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.open_bank import OpenBank, open_bank
from workflows_app.demo.bank.pages import ROWS_SHOWN, Sought, payments_page, suppliers_page
from workflows_app.demo.bank.script import FOR_GOOD, Script
from workflows_app.demo.workflows import BANK_URL_VARIABLE, CreatePayment, NotifySupplier

EVIL = "<script>alert(1)</script>"
SCRIPT = {
    "invoices": {
        "A-1": {"payment": "unavailable_after", "search_fails": 1},
        "A-2": {"payment": "rejected", "search_fails": FOR_GOOD},
        "A-3": {"webhook": "unavailable_before"},
    },
    "notices": [{"at": 0, "supplier": EVIL, "text": "We withdraw invoice A-9 & thank you."}],
}


@pytest.fixture
def scripted_bank(tmp_path: Path) -> Iterator[OpenBank]:
    file = tmp_path / "script.json"
    file.write_text(json.dumps(SCRIPT))
    with open_bank(tmp_path / "bank.jsonl", Script.read(file)) as bank:
        bank.server.search_lag_seconds = 0
        yield bank


def test_it_fails_as_the_script_says_also_once_it_was_started_again(
    scripted_bank: OpenBank, tmp_path: Path
) -> None:
    bank = scripted_bank

    assert [bank.pay("A-1").status_code for _ in range(2)] == [503, 200]
    assert [bank.search("k-1", "A-1").status_code for _ in range(2)] == [503, 200]
    assert [bank.pay("A-2", key="k-2").status_code for _ in range(2)] == [422, 422]
    assert [bank.search("k-2", "A-2").status_code for _ in range(9)] == [503] * 9
    assert [bank.tell("A-3").status_code for _ in range(2)] == [503, 202]
    assert bank.pay("A-4", key="k-4").status_code == 201

    again = Script.read(tmp_path / "script.json")
    assert [again.of_payment("A-1"), again.search_is_down("A-1"), again.of_webhook("A-3")] == [
        "",
        False,
        "",
    ]
    assert [again.of_payment("A-2"), again.search_is_down("A-2")] == ["rejected", True]


def test_a_page_finds_what_is_there_and_no_more(
    scripted_bank: OpenBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = scripted_bank
    bank.pay("A-1")
    bank.pay(EVIL, key="k-2")
    bank.tell("A-1")
    monkeypatch.setenv(BANK_URL_VARIABLE, bank.url)

    def seen(mutator: type, invoice: str) -> str:
        told = {"invoice": invoice, "supplier": EVIL, "amount": "12.50"}
        return bank.http.get(mutator().verification_url(told)).text

    paid, absent = seen(CreatePayment, "A-1"), seen(CreatePayment, "A-9")
    assert "<td>1</td>" in paid
    assert '<td class="invoice">A-1</td>' in paid
    assert "<td>2</td>" not in paid
    assert "There is no payment with “A-9”." in absent
    assert "<td>We withdraw invoice A-9 &amp; thank you.</td>" in absent
    assert "<td>ACME Ltd</td>" in seen(NotifySupplier, "A-1")
    untold = seen(NotifySupplier, "A-8")
    assert "There is no webhook with “A-8”." in untold
    # What the supplier wrote stands beside it, whatever it is about.
    assert "<td>We withdraw invoice A-9 &amp; thank you.</td>" in untold
    neither = seen(CreatePayment, "A-8")
    assert neither.count("<td>") == 0
    assert "No supplier wrote about “A-8”." in neither
    assert "No supplier wrote" not in absent


def rows_of(page: str) -> list[list[str]]:
    """Return the cells of each row of the page."""
    rows = re.findall(r"<tr>(<td.*?)</tr>", page)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]


def test_the_newest_come_first_and_the_oldest_of_many_must_be_searched_for() -> None:
    payments = [
        {
            "number": at,
            "at": 60 * at,
            "supplier": f"S{at}",
            "invoice": f"I{at}",
            "amount": f"{at}.5",
        }
        | {"key": f"K{at}"}
        for at in range(1, 1 + ROWS_SHOWN + 2)
    ]
    few, more, many = (
        payments_page(payments[:number], [], Sought(""))
        for number in (ROWS_SHOWN, ROWS_SHOWN + 1, None)
    )
    assert [re.findall(r"And (.*?)<", page) for page in (few, more, many)] == [
        [],
        ["1 older ones: search for them."],
        ["2 older ones: search for them."],
    ]
    shown = rows_of(many)
    assert shown[0] == ["202", "1970-01-01 03:22:00", "S202", "I202", "202.5", "K202"]
    assert [row[0] for row in shown] == [str(number) for number in range(202, 2, -1)]
    for query in ("s202", "I202", "202.5", "k202", "202"):
        assert rows_of(payments_page(payments, [], Sought(query))) == shown[:1]
    assert rows_of(payments_page(payments, [], Sought("12120"))) == [], "the time is not searched"


def test_what_a_supplier_wrote_is_told_beside_what_arrived_there_the_newest_first() -> None:
    arrived = [
        {
            "at": at,
            "supplier": f"S{at}",
            "invoice": f"I{at}",
            "payment_number": 40 + at,
            "key": f"K{at}",
        }
        for at in (1, 3, 2)
    ]
    notices = [{"at": at, "supplier": f"S{at % 2}", "text": f"T{at}"} for at in (1, 3, 2)]
    second = "1970-01-01 00:00:0"

    assert rows_of(suppliers_page(arrived, notices, Sought(""))) == [
        *([f"{second}{at}", f"S{at}", f"I{at}", f"K{at}"] for at in (3, 2, 1)),
        *([f"{second}{at}", f"S{at % 2}", f"T{at}"] for at in (3, 2, 1)),
    ]
    assert rows_of(suppliers_page(arrived, notices, Sought("42", "S1"))) == [
        [f"{second}2", "S2", "I2", "K2"],
        *([f"{second}{at}", "S1", f"T{at}"] for at in (3, 1)),
    ]
    assert rows_of(payments_page([], notices, Sought("t2"))) == [[f"{second}2", "S0", "T2"]]


@pytest.mark.parametrize(
    ("sought", "twins"),
    [
        (Sought("I9", "ACME", "5.00"), ["I3", "I1"]),
        (Sought("I1"), ["I3"]),
        (Sought("I1", "ACME", "5.00"), ["I3"]),
        (Sought("I2"), []),
        (Sought("I9"), []),
        (Sought(""), []),
    ],
)
def test_what_is_easily_taken_for_a_payment_stands_below_it(
    sought: Sought, twins: list[str]
) -> None:
    paid = (("I1", "ACME", "5.00"), ("I2", "ACME", "6.00"), ("I3", "ACME", "5.00"))
    payments = [
        {"number": at, "at": at, "invoice": invoice, "supplier": supplier, "amount": amount}
        for at, (invoice, supplier, amount) in enumerate((*paid, ("I4", "Else", "5.00")))
    ]
    _, _, below = payments_page(payments, [], sought).partition("<h2>Other payments to the same")
    assert [row[3] for row in rows_of(below)] == twins


@pytest.mark.parametrize("path", ["/", "/suppliers"])
def test_values_are_text_and_no_script_runs(scripted_bank: OpenBank, path: str) -> None:
    scripted_bank.pay(EVIL)

    answer = scripted_bank.http.get(path, params={"q": f'"{EVIL[1:-1]}'})
    everything = scripted_bank.http.get(path)

    for page in (answer, everything):
        assert "<script" not in page.text
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert 'value="&quot;script&gt;alert(1)&lt;/script"' in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in everything.text


def test_the_score_of_a_drill_is_a_page_that_asks_for_itself_until_it_is_over(
    scripted_bank: OpenBank, tmp_path: Path
) -> None:
    bank = scripted_bank
    assert bank.http.get("/score").status_code == 404
    assert "/score" not in bank.http.get("/").text
    bank.server.score = tmp_path / "score.json"
    row = {"invoice": "A-1", "verdict": "right", "decision": EVIL, "clicks": 3, "seconds": "9"}

    pages = []
    for is_over in (False, True):
        score = {"sentence": "1 right, 1 of 2 to go.", "is_over": is_over, "rows": [row]}
        bank.server.score.write_text(json.dumps(score))
        pages.append(bank.http.get("/score").text)

    assert ["refresh" in page for page in pages] == [True, False]
    assert "1 right, 1 of 2 to go." in pages[0]
    assert '<td class="invoice">A-1</td><td>right</td>' in pages[0]
    assert EVIL not in pages[0]
    assert 'href="/score"' in bank.http.get("/suppliers").text
