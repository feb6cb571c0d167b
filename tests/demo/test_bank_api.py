"""The demo's bank over HTTP: it fails as it says, and its records tell what really happened (P1)."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import httpx
import pytest

from tests.demo.open_bank import OpenBank, invoice_that
from workflows_app.demo.bank.ledger import Ledger
from workflows_app.demo.bank.server import MAX_BODY_BYTES, SEARCH_LAG_SECONDS

GOOD = invoice_that()


def payment(number: int, key: str, invoice: str) -> dict[str, object]:
    return {"kind": "payment", "number": number, "key": key, "invoice": invoice, "amount": "12.50"}


def test_a_key_pays_once_however_often_it_comes(bank: OpenBank) -> None:
    first = bank.pay(GOOD, key="k-1")
    again = bank.pay(GOOD, key="k-1")
    bank.tell(GOOD)
    # A long name takes many more bytes than letters.
    other = bank.pay("ä" * 2000, key="k-2")

    assert [answer.status_code for answer in (first, again, other)] == [201, 200, 201]
    assert again.json() == first.json()
    first_paid, _, then_paid = bank.entries()
    assert [first_paid, then_paid] == [payment(1, "k-1", GOOD), payment(2, "k-2", "ä" * 2000)]


def test_the_search_misses_a_payment_while_it_is_new(bank: OpenBank, tmp_path: Path) -> None:
    old, new = (
        {**payment(number, f"k-{number}", GOOD), "at": time.time() + moved}
        for number, moved in ((1, -SEARCH_LAG_SECONDS), (2, 3600))
    )
    records = tmp_path / "other.jsonl"
    records.write_text(f"{json.dumps(old)}\n{json.dumps(new)}\n")
    bank.server.ledger = Ledger(records)

    found, missed = bank.search("k-1"), bank.search("k-2")

    assert (found.status_code, found.json()) == (200, old)
    assert (missed.status_code, missed.json()) == (404, {"error": "no payment of this key"})


def test_the_list_of_payments_does_not_lag(bank: OpenBank) -> None:
    paid = bank.pay(GOOD).json()

    assert bank.http.get("/payments").json() == [paid]


@pytest.mark.parametrize(
    ("fails", "is_paid", "status"),
    [
        ("unavailable_before", False, 503),
        ("unavailable_after", True, 503),
        ("rejected", False, 422),
    ],
)
def test_an_answer_may_say_the_wrong_thing(
    bank: OpenBank, fails: str, is_paid: bool, status: int
) -> None:
    invoice = invoice_that(fails)

    assert bank.pay(invoice).status_code == status

    assert bank.entries() == ([payment(1, "k-1", invoice)] if is_paid else [])


@pytest.mark.parametrize(
    ("fails", "is_paid"),
    [("answer_lost", True), ("search_down", True)],
)
def test_an_answer_may_be_lost(bank: OpenBank, fails: str, is_paid: bool) -> None:
    invoice = invoice_that(fails)

    with pytest.raises(httpx.RemoteProtocolError):
        bank.pay(invoice)

    assert bank.entries() == ([payment(1, "k-1", invoice)] if is_paid else [])


@pytest.mark.parametrize(("fails", "is_paid"), [("silent_before", False), ("silent_after", True)])
def test_an_answer_may_not_come_in_time(bank: OpenBank, fails: str, is_paid: bool) -> None:
    invoice = invoice_that(fails)

    with pytest.raises(httpx.ReadTimeout):
        bank.pay(invoice, timeout=0.2)

    assert bank.entries() == ([payment(1, "k-1", invoice)] if is_paid else [])


def test_the_second_try_goes_right_but_for_a_rejection(bank: OpenBank) -> None:
    passing, lasting = invoice_that("unavailable_before"), invoice_that("rejected")
    unwanted = invoice_that(webhook_fails="rejected")

    assert [bank.pay(passing).status_code for _ in range(2)] == [503, 201]
    assert [bank.pay(lasting).status_code for _ in range(2)] == [422, 422]
    assert [bank.tell(unwanted).status_code for _ in range(2)] == [410, 410]
    assert [entry["kind"] for entry in bank.entries()] == ["payment"]


def test_the_search_may_be_down_for_a_while(bank: OpenBank) -> None:
    invoice = invoice_that("search_down")

    answers = [bank.search("k-1", invoice).status_code for _ in range(5)]

    assert answers == [503, 503, 503, 503, 404]


def test_a_webhook_is_delivered_as_often_as_it_is_sent(bank: OpenBank) -> None:
    invoice = invoice_that()

    assert [bank.tell(invoice).status_code for _ in range(2)] == [202, 202]

    delivery = {"kind": "webhook", "supplier": "ACME Ltd", "key": "k-1", "invoice": invoice}
    assert bank.entries() == [delivery, delivery]


@pytest.mark.parametrize(
    ("fails", "arrives", "error"),
    [
        ("answer_lost", True, httpx.RemoteProtocolError),
        ("silent_before", False, httpx.ReadTimeout),
        ("unavailable_before", False, None),
    ],
)
def test_a_webhook_goes_wrong_in_its_own_ways(
    bank: OpenBank, fails: str, arrives: bool, error: type[Exception] | None
) -> None:
    invoice = invoice_that(webhook_fails=fails)

    if error is None:
        assert bank.tell(invoice).status_code == 503
    else:
        with pytest.raises(error):
            bank.tell(invoice, timeout=0.2)

    assert [entry["invoice"] for entry in bank.entries()] == ([invoice] if arrives else [])


def test_a_payment_without_a_key_is_refused(bank: OpenBank) -> None:
    answer = bank.pay(GOOD, key="")

    assert (answer.status_code, answer.json()) == (400, {"error": "Idempotency-Key is missing"})
    assert bank.entries() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b'{"amount": "1"}', b'{"invoice": 7}', b"[" * 100_000],
    ids=["empty", "no_json", "a_list", "no_invoice", "a_number", "too_deep"],
)
def test_rubbish_is_refused(bank: OpenBank, body: bytes) -> None:
    answer = bank.http.post("/payments", content=body, headers={"Idempotency-Key": "k-1"})

    error = {"error": "the body must be a JSON object with an invoice"}
    assert (answer.status_code, answer.json()) == (400, error)
    assert bank.entries() == []


@pytest.mark.parametrize("length", ["-1", "many", str(MAX_BODY_BYTES + 1)])
def test_a_wrong_length_is_refused_at_once(bank: OpenBank, length: str) -> None:
    request = f"POST /payments HTTP/1.1\r\nHost: bank\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection(bank.server.server_address[:2], timeout=5) as connection:  # type: ignore[arg-type]
        connection.sendall(request.encode())
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("POST", "/nowhere")])
def test_an_unknown_address_is_told(bank: OpenBank, method: str, path: str) -> None:
    answer = bank.http.request(method, path, content=json.dumps({"invoice": "1"}))

    assert (answer.status_code, answer.json()) == (404, {"error": "no such address"})


def test_health_is_told(bank: OpenBank) -> None:
    assert bank.http.get("/healthz").json() == {"ok": True}
