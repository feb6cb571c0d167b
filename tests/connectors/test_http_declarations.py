"""What an author left out of an HTTP mutator is told by a system check, and not by the first call or lookup."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.declarations import made, workflow
from workflows_app import registry
from workflows_app.checks import check_declared
from workflows_app.connectors.http import HttpLookupMutator, HttpMutator

BANK = "https://bank.example/payments"
WHOLE = {
    "name": "bank.pay",
    "url": BANK,
    "lookup_url": BANK + "?key={idempotency_key}",
    "absence_is_proof_after": timedelta(0),
}


def told(base: type[HttpMutator], **attributes: Any) -> list[str]:
    pay = made("Pay", base, **{**WHOLE, **attributes})
    with registry.override():
        registry.declared.clear()
        with registry.override(workflow(mutators=[pay])):
            return [f"{each.id} {each.msg}" for each in check_declared(None)]


def test_nothing_is_said_of_what_is_whole() -> None:
    assert told(HttpLookupMutator) == []
    of_its_own: dict[str, Any] = {"not_applied_statuses": {409, 503}, "retryable_statuses": {503}}
    assert told(HttpLookupMutator, **of_its_own) == []
    assert told(HttpMutator, retryable_statuses=property(lambda _: {429})) == []
    computed = {"url": "", "request_url": lambda self, params: BANK}
    assert told(HttpMutator, **computed) == []
    computed = {"lookup_url": "", "request_lookup_url": lambda self, params: BANK}
    assert told(HttpLookupMutator, **computed) == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"url": ""}, "url is '': it must begin with http:// or https://"),
        ({"url": "{base}/x"}, "url is '{base}/x': it must begin with http:// or https://"),
        ({"lookup_url": ""}, "lookup_url is '': it must begin with http:// or https://"),
        (
            {"retryable_statuses": {429}},
            "retryable_statuses has 429, and not_applied_statuses has not: so it is an unknown outcome,"
            " and nothing is tried again",
        ),
        (
            {"caller_fault_statuses": {401, 407}},
            "caller_fault_statuses has 407, and not_applied_statuses has not: so it is an unknown outcome,"
            " and nothing is tried again",
        ),
        (
            {"not_applied_statuses": {202, 400}},
            "not_applied_statuses has 202, and 2xx always means that it happened",
        ),
        ({"method": "post"}, "method is 'post': it must be one of GET, POST, PUT, PATCH, DELETE"),
    ],
)
def test_what_would_fail_at_each_call_or_lookup_is_told(wrong: dict[str, Any], why: str) -> None:
    assert told(HttpLookupMutator, **wrong) == [f"workflows_app.E023 Mutator 'bank.pay': {why}."]
