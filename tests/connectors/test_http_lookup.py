"""Looking an effect up: found, surely absent, or ask again later, and never a guess (P3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connectors.calling import KEY, called, looked_up, mutator
from tests.connectors.server import Outside, unused_port
from workflows_app.connectors.http import HttpLookupMutator
from workflows_app.connectors.http.answer import HttpAnswer
from workflows_app.sdk import Reconciliation


def test_it_asks_by_key_and_parameters_and_changes_nothing(outside: Outside) -> None:
    outside.answers(200, {"number": 7})

    found = looked_up(
        outside.address + "/payments?key={idempotency_key}&invoice={invoice}",
        # Whatever a parameter is called, the key is the host's.
        {"invoice": "4/2", "idempotency_key": "mine"},
    )

    assert found == Reconciliation.applied({"status": 200, "body": {"number": 7}})
    (sent,) = outside.received
    assert (sent.method, sent.path) == ("GET", f"/payments?key={KEY}&invoice=4%2F2")
    assert sent.body == b""
    assert "Idempotency-Key" not in sent.headers


@pytest.mark.parametrize("status", [404, 410])
def test_not_there_is_absence(outside: Outside, status: int) -> None:
    outside.answers(status, {"problem": "unknown"})
    assert looked_up(outside.address) == Reconciliation.not_applied(f"the lookup answered {status}")


@pytest.mark.parametrize("body", [None, [], {}])
def test_empty_json_is_absence(outside: Outside, body: Any) -> None:
    outside.answers(200, body)
    assert looked_up(outside.address) == Reconciliation.not_applied("the lookup found nothing")


def test_what_is_kept_of_a_call_and_of_a_lookup_is_as_the_author_says(outside: Outside) -> None:
    def result_from(self: object, status: int, body: Any) -> Any:
        return {"payment": body["number"], "status": status}

    outside.answers(201, {"number": 7})
    assert called(outside.address, result_from=result_from) == {"payment": 7, "status": 201}
    outside.answers(200, {"number": 7})
    kept = Reconciliation.applied({"payment": 7, "status": 200})
    assert looked_up(outside.address, result_from=result_from) == kept
    # It can't be read: that is no proof of anything.
    outside.answers(200, {"no": "number"})
    assert looked_up(outside.address, result_from=result_from).verdict == "retry"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"items": [], "total": 0}, "it holds an empty list"),
        (0, "it is 0"),
        (False, "it is false"),
        ("", 'it is ""'),
    ],
)
def test_what_may_be_a_nothing_is_no_answer_until_the_author_says_what_it_means(
    outside: Outside, body: Any, what: str
) -> None:
    outside.answers(200, body)
    assert looked_up(outside.address) == Reconciliation.retry(
        f"The lookup failed: UnclearAnswer: {what}: `found` of the mutator has to say whether that"
        " means “not there”"
    )
    outside.answers(200, {"items": [{"number": 7, "refunds": []}], "total": 1})
    assert looked_up(outside.address).verdict == "applied"


@pytest.mark.parametrize("status", [201, 202, 204, 301, 302, 400, 401, 403, 429, 500, 502, 503])
def test_any_other_status_is_no_answer(outside: Outside, status: int) -> None:
    outside.answers(status, b"", Location=f"{outside.address}/elsewhere")
    assert looked_up(outside.address) == Reconciliation.retry(f"the lookup answered {status}")
    assert len(outside.received) == 1


@pytest.mark.parametrize("body", [b"", b"<html>Log in, please</html>", b'{"number": 7', b"\xff"])
def test_a_page_in_place_of_json_is_no_answer(outside: Outside, body: bytes) -> None:
    outside.answers(200, body, "text/html")
    assert looked_up(outside.address) == Reconciliation.retry(
        "The lookup failed: UnclearAnswer: the answer is not JSON"
    )


def test_an_answer_that_breaks_off_is_no_answer(outside: Outside) -> None:
    outside.raw = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"number": 7}'
    found = looked_up(outside.address)
    assert found.verdict == "retry"
    assert found.why.startswith("The lookup failed: RemoteProtocolError: peer closed connection")


def test_silence_is_no_answer(outside: Outside) -> None:
    outside.gate.clear()
    assert looked_up(outside.address, read_timeout_seconds=0.05) == Reconciliation.retry(
        "The lookup failed: ReadTimeout: timed out"
    )


def test_an_outside_system_that_is_away_is_no_answer() -> None:
    assert looked_up(f"http://127.0.0.1:{unused_port()}") == Reconciliation.retry(
        "The lookup failed: ConnectError: [Errno 111] Connection refused"
    )


def test_a_lookup_that_lacks_a_parameter_is_no_answer(outside: Outside) -> None:
    assert looked_up(outside.address + "?of={customer}") == Reconciliation.retry(
        "The lookup failed: LookupError: the params have no 'customer', which the address needs"
    )
    assert looked_up(outside.address + "?of={customer}", {"customer": ""}).verdict == "retry"
    assert outside.received == []


def test_an_author_says_which_statuses_are_absence(outside: Outside) -> None:
    outside.answers(404, {})
    assert looked_up(outside.address, absent_statuses={400}).verdict == "retry"
    outside.answers(400, {})
    assert looked_up(outside.address, absent_statuses={400}).verdict == "not_applied"


def test_an_author_says_what_was_found(outside: Outside) -> None:
    def found(self: Any, answer: HttpAnswer) -> Any:
        return next(iter(answer.body["items"]), None)

    outside.answers(200, {"items": []})
    assert looked_up(outside.address, found=found).verdict == "not_applied"
    outside.answers(200, {"items": [{"number": 7}]})
    assert looked_up(outside.address, found=found) == Reconciliation.applied(
        {"status": 200, "body": {"number": 7}}
    )
    outside.answers(200, {"error": "busy"})
    assert looked_up(outside.address, found=found) == Reconciliation.retry(
        "The lookup failed: KeyError: 'items'"
    )


def test_the_host_can_ask() -> None:
    assert mutator(HttpLookupMutator).can_reconcile()
