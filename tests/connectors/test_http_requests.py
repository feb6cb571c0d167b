"""What is sent: method, address, headers and body, and nothing that the parameters could smuggle in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.connectors.calling import KEY, called, mutator, sure_no
from tests.connectors.server import Outside
from workflows_app.connectors.http import HttpMutator, Secret
from workflows_app.errors import DefinitionError
from workflows_app.sdk import NotApplied


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
    assert dict(sent.headers) == {
        "Host": outside.address.removeprefix("http://"),
        "Accept": "*/*",
        "User-Agent": "workflow-operations",
        "Idempotency-Key": KEY,
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


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


@pytest.mark.parametrize(
    ("headers", "idempotency_header", "problem"),
    [
        (
            {"idempotency-KEY": "mine"},
            "Idempotency-Key",
            "header idempotency-KEY is the host's, which sends the idempotency key in it: leave it out,"
            " or name another header in idempotency_header",
        ),
        (
            {"X-Request-Id": Secret("BANK_TOKEN")},
            "x-request-id",
            "header X-Request-Id is the host's, which sends the idempotency key in it: leave it out, or"
            " name another header in idempotency_header",
        ),
        ({"X-A": "1", "x-a": "2"}, "", "header x-a is there twice"),
        ({"x-a": "1", "X-A": "2"}, "", "header X-A is there twice"),
        *(
            ({name: "1"}, "", f"header {name} is set by the connector: leave it out")
            for name in (
                *("Content-Length", "transfer-encoding", "Accept-Encoding", "Connection"),
                *("Keep-Alive", "TE", "Trailer", "Upgrade"),
            )
        ),
    ],
)
def test_headers_of_the_host_are_refused_where_they_are_written(
    outside: Outside, headers: dict[str, Any], idempotency_header: str, problem: str
) -> None:
    written = {"headers": headers, "idempotency_header": idempotency_header}
    with pytest.raises(DefinitionError) as caught:
        mutator(HttpMutator, url=outside.address, **written)
    assert str(caught.value) == f"Pay: {problem}."

    pay = mutator(HttpMutator, url=outside.address)()
    for name, value in written.items():
        setattr(pay, name, value)
    with pytest.raises(NotApplied) as refused:
        pay.execute({}, idempotency_key=KEY)
    assert str(refused.value) == f"The request can't be built: ValueError: {problem}"
    assert outside.received == []


@pytest.mark.parametrize("spelt", [str, str.lower])
def test_an_author_may_set_all_other_headers(outside: Outside, spelt: Callable[[str], str]) -> None:
    names = ("Accept", "User-Agent", "Content-Type", "Host", "Idempotency-Key")
    own = {spelt(name): f"own/{number}" for number, name in enumerate(names)}
    called(outside.address, headers=own, idempotency_header="")
    sent = outside.received[0].headers
    ours = {"Accept-Encoding": "identity", "Connection": "close"}
    assert sent == {**own, **ours, "Content-Length": sent["Content-Length"]}


def test_a_key_that_cannot_be_sent_is_a_sure_no(outside: Outside) -> None:
    pay = mutator(HttpMutator, url=outside.address, headers={"X-Fixed": "1"})
    with pytest.raises(Exception, match="header Idempotency-Key has characters"):
        pay().execute({}, idempotency_key="a\nb")
    assert outside.received == []
