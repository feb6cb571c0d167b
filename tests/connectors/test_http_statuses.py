"""What a status proves: that it happened, that it did not, or nothing (P3)."""

from __future__ import annotations

import pytest

from tests.connectors.calling import called, sure_no, unclear
from tests.connectors.server import Outside


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
def test_success_is_proof_that_it_happened(outside: Outside, status: int) -> None:
    body = b"" if status == 204 else {"number": 7}
    outside.answers(status, body)

    assert called(outside.address) == {"status": status, "body": "" if status == 204 else body}
    assert len(outside.received) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 411, 413, 414, 415, 422])
def test_a_request_refused_as_such_did_not_happen(outside: Outside, status: int) -> None:
    outside.answers(status, {"problem": "no such account"})

    refused = sure_no(outside.address)

    assert str(refused) == f'POST answered {status}: {{"problem": "no such account"}}'
    assert refused.retryable is False
    assert refused.caller_fault is (status in (401, 403, 405, 411, 415))


@pytest.mark.parametrize(
    "status", [402, 406, 407, 408, 409, 412, 418, 421, 423, 425, 426, 428, 429, 431, 451]
)
def test_other_refusals_prove_nothing(outside: Outside, status: int) -> None:
    outside.answers(status, {"problem": "try later"})

    assert unclear(outside.address) == f'POST answered {status}: {{"problem": "try later"}}'


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 507, 599])
def test_a_server_error_proves_nothing(outside: Outside, status: int) -> None:
    outside.answers(status, b"<h1>Sorry</h1>", "text/html")

    assert unclear(outside.address) == f"POST answered {status}: <h1>Sorry</h1>"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_not_followed_and_proves_nothing(outside: Outside, status: int) -> None:
    outside.answers(status, b"", Location=f"{outside.address}/elsewhere")

    assert unclear(f"{outside.address}/payments") == f"POST answered {status}: "
    assert [request.path for request in outside.received] == ["/payments"]


def test_an_author_may_know_better_which_statuses_are_proof(outside: Outside) -> None:
    knows = {"not_applied_statuses": {409, 503}, "retryable_statuses": {503}}
    outside.answers(409, {})
    assert sure_no(outside.address, **knows).retryable is False
    outside.answers(503, {})
    assert sure_no(outside.address, **knows).retryable is True
    outside.answers(400, {})
    assert unclear(outside.address, **knows) == "POST answered 400: {}"


def test_a_long_refusal_is_told_in_brief(outside: Outside) -> None:
    outside.answers(500, b"x" * 5000, "text/plain")
    assert unclear(outside.address) == "POST answered 500: " + "x" * 300
