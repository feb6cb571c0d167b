"""The bank's pages for people: what is there is found, and what a name says stays text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.open_bank import OpenBank, open_bank
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


def test_it_fails_as_the_script_says(scripted_bank: OpenBank) -> None:
    bank = scripted_bank

    assert [bank.pay("A-1").status_code for _ in range(2)] == [503, 200]
    assert [bank.search("k-1", "A-1").status_code for _ in range(2)] == [503, 200]
    assert [bank.pay("A-2", key="k-2").status_code for _ in range(2)] == [422, 422]
    assert [bank.search("k-2", "A-2").status_code for _ in range(9)] == [503] * 9
    assert [bank.tell("A-3").status_code for _ in range(2)] == [503, 202]
    assert bank.pay("A-4", key="k-4").status_code == 201


def test_a_page_finds_what_is_there_and_no_more(
    scripted_bank: OpenBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = scripted_bank
    bank.pay("A-1")
    bank.pay(EVIL, key="k-2")
    bank.tell("A-1")
    monkeypatch.setenv(BANK_URL_VARIABLE, bank.url)

    def seen(mutator: type, invoice: str) -> str:
        return bank.http.get(
            mutator().verification_url({"invoice": invoice, "supplier": EVIL})
        ).text

    paid, absent = seen(CreatePayment, "A-1"), seen(CreatePayment, "A-9")
    assert "<td>1</td>" in paid
    assert "<td>A-1</td>" in paid
    assert "<td>2</td>" not in paid
    assert "There is no payment with “A-9”." in absent
    assert "<td>We withdraw invoice A-9 &amp; thank you.</td>" in absent
    assert "<td>ACME Ltd</td>" in seen(NotifySupplier, "A-1")
    untold = seen(NotifySupplier, "A-8")
    assert "There is no webhook with “A-8”." in untold
    # What the supplier wrote stands beside it, whatever it is about.
    assert "<td>We withdraw invoice A-9 &amp; thank you.</td>" in untold
    assert seen(CreatePayment, "A-8").count("<td>") == 0


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
    assert "<td>A-1</td><td>right</td>" in pages[0]
    assert EVIL not in pages[0]
    assert 'href="/score"' in bank.http.get("/suppliers").text
