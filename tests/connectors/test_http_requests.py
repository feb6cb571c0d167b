"""What is sent: method, address, headers and body, and nothing that the parameters could smuggle in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connectors.calling import KEY, called, mutator, sure_no
from tests.connectors.server import Outside
from workflows_app.connectors.http import HttpMutator


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_the_parameters_are_the_json_body_and_the_key_a_header(
    outside: Outside, method: str
) -> None:
    called(f"{outside.address}/payments", {"to": "Café", "amount": 5}, method=method)

    (sent,) = outside.received
    assert (sent.method, sent.path) == (method, "/payments")
    assert sent.json == {"to": "Café", "amount": 5}
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Idempotency-Key"] == KEY


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_get_and_delete_have_no_body_but_the_key(outside: Outside, method: str) -> None:
    called(outside.address + "/payments/{id}", {"id": 7}, method=method)

    (sent,) = outside.received
    assert (sent.method, sent.path, sent.body) == (method, "/payments/7", b"")
    assert sent.headers["Idempotency-Key"] == KEY


@pytest.mark.parametrize("method", ["post", "HEAD", "OPTIONS", "PO ST", ""])
def test_other_methods_are_refused(outside: Outside, method: str) -> None:
    assert str(sure_no(outside.address, method=method)) == (
        f"The request can't be built: ValueError: method {method} is none of GET, POST, PUT,"
        f" PATCH, DELETE"
    )
    assert outside.received == []


def test_an_author_chooses_the_header_of_the_key_or_none(outside: Outside) -> None:
    called(outside.address, idempotency_header="X-Request-Id")
    called(outside.address, idempotency_header="")

    first, second = outside.received
    assert first.headers["X-Request-Id"] == KEY
    assert KEY not in second.headers.values()


def test_an_author_writes_the_body_and_the_address_from_the_parameters(outside: Outside) -> None:
    class Pay(HttpMutator):
        def request_url(self, params: Any) -> str:
            return outside.address + "/{kind}/{idempotency_key}"

        def body(self, params: Any) -> Any:
            return [params["kind"]]

    Pay().execute({"kind": "payments"}, idempotency_key=KEY)

    (sent,) = outside.received
    assert (sent.path, sent.json) == (f"/payments/{KEY}", ["payments"])


def test_a_body_of_none_sends_none(outside: Outside) -> None:
    pay = mutator(HttpMutator, url=outside.address, body=lambda self, params: None)
    pay().execute({"amount": 5}, idempotency_key=KEY)
    assert outside.received[0].body == b""


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a b", "/x/a%20b/y"),
        ("../admin", "/x/..%2Fadmin/y"),
        ("1/2", "/x/1%2F2/y"),
        ("1?all=1#top", "/x/1%3Fall%3D1%23top/y"),
        ("a&b=c", "/x/a%26b%3Dc/y"),
        ("%2e%2e", "/x/%252e%252e/y"),
        ("é\r\nX: 1", "/x/%C3%A9%0D%0AX%3A%201/y"),
        ("{other}", "/x/%7Bother%7D/y"),
        ("@evil.example", "/x/%40evil.example/y"),
        (7, "/x/7/y"),
        (1.5, "/x/1.5/y"),
    ],
)
def test_a_parameter_stays_in_its_place_in_the_address(
    outside: Outside, value: Any, path: str
) -> None:
    called(outside.address + "/x/{value}/y", {"value": value, "other": "secret"})
    assert outside.received[0].path == path


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "LookupError: the params have no 'value', which the address needs"),
        ([], "LookupError: the params have no 'value', which the address needs"),
        ({"value": ""}, "ValueError: 'value' is empty, but the address needs it"),
        ({"value": ".."}, "ValueError: the address must not go up its own path"),
        ({"value": "."}, "ValueError: the address must not go up its own path"),
        (
            {"value": None},
            "ValueError: 'value' is NoneType, but the address needs text or a number",
        ),
        ({"value": True}, "ValueError: 'value' is bool, but the address needs text or a number"),
        ({"value": [1]}, "ValueError: 'value' is list, but the address needs text or a number"),
    ],
)
def test_a_parameter_that_would_change_the_meaning_of_the_address_is_refused(
    outside: Outside, params: Any, problem: str
) -> None:
    refused = sure_no(outside.address + "/x/{value}/y", params)
    assert str(refused) == f"The request can't be built: {problem}"
    assert refused.retryable is False
    assert outside.received == []


@pytest.mark.parametrize("url", ["", "bank.example/x", "ftp://bank.example", "file:///etc/passwd"])
def test_only_http_addresses_are_called(url: str) -> None:
    assert str(sure_no(url)) == (
        "The request can't be built: ValueError: the address must begin with http:// or https://"
    )


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"X-Note": "a\r\nX-Evil: 1"}, "header X-Note has characters that can't be sent"),
        ({"X-Note": "caf\xe9"}, "header X-Note has characters that can't be sent"),
        ({"X-Note": " a"}, "header X-Note has characters that can't be sent"),
        ({"X Note": "a"}, "header 'X Note' has a name that can't be sent"),
        ({"": "a"}, "header '' has a name that can't be sent"),
    ],
)
def test_headers_that_cannot_be_sent_are_a_sure_no(
    outside: Outside, headers: dict[str, str], problem: str
) -> None:
    refused = sure_no(outside.address, headers=headers)
    assert str(refused) == f"The request can't be built: ValueError: {problem}"
    assert outside.received == []


def test_a_key_that_cannot_be_sent_is_a_sure_no(outside: Outside) -> None:
    pay = mutator(HttpMutator, url=outside.address, headers={"X-Fixed": "1"})
    with pytest.raises(Exception, match="header Idempotency-Key has characters"):
        pay().execute({}, idempotency_key="a\nb")
    assert outside.received == []
