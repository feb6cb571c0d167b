"""Secrets are known by name: their values are sent, and stored nowhere, whoever repeats them."""

from __future__ import annotations

import base64
import html
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from pytest_django import Settings

from tests.connectors.calling import called, looked_up, mutator, sure_no, unclear
from tests.connectors.server import Outside, unused_port
from tests.operations.readiness import everything
from tests.scenes import Scene, workflow_with
from workflows_app.connectors.http import HttpMutator, Secret
from workflows_app.testing import registered

VALUE = 'p/q "r\\s&t+u<v> 100%=='
SECRET = Secret("BANK_TOKEN", "Bearer {}")
HEADERS = {"Authorization": SECRET}

#: How an outside system may repeat the value in text.
REPEATED = {
    "bare": VALUE,
    "in JSON": json.dumps({"got": VALUE})[1:-1],
    "in JSON of PHP": json.dumps(VALUE).replace("/", "\\/"),
    "in a path": quote(VALUE, safe=""),
    "in a path, lower case": quote(VALUE, safe="").lower(),
    "in a path with slashes": quote(VALUE),
    "in a form": quote_plus(VALUE),
    "on a page": html.escape(VALUE),
    "in text of a page": html.escape(VALUE, quote=False),
    "in Python": repr({"got": VALUE}),
}


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.BANK_TOKEN = VALUE


def test_the_value_is_sent_within_its_template(outside: Outside) -> None:
    called(outside.address, headers={"Authorization": SECRET, "X-Plain": "1"})
    (sent,) = outside.received
    assert sent.headers["Authorization"] == f"Bearer {VALUE}"
    assert sent.headers["X-Plain"] == "1"


def test_a_lookup_sends_it_too(outside: Outside) -> None:
    looked_up(outside.address, headers=HEADERS)
    assert outside.received[0].headers["Authorization"] == f"Bearer {VALUE}"


def test_the_environment_is_the_second_place(
    outside: Outside, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANK_TOKEN", "from-outside")
    assert SECRET.filled() == f"Bearer {VALUE}"
    del settings.BANK_TOKEN
    assert SECRET.filled() == "Bearer from-outside"
    assert Secret("BANK_TOKEN").filled() == "from-outside"


@pytest.mark.parametrize("empty", [None, ""])
def test_a_missing_secret_is_a_sure_no_that_names_it(
    outside: Outside, settings: Settings, empty: str | None
) -> None:
    settings.BANK_TOKEN = empty

    refused = sure_no(outside.address, headers=HEADERS)

    told = "LookupError: the secret BANK_TOKEN is neither in the settings nor set outside"
    assert str(refused) == f"The request can't be built: {told}"
    assert refused.retryable is False
    assert looked_up(outside.address, headers=HEADERS).why == f"The lookup failed: {told}"
    assert outside.received == []


def test_neither_the_secret_nor_its_mutator_shows_the_value() -> None:
    assert repr(SECRET) == "Secret(name='BANK_TOKEN', template='Bearer {}')"
    assert VALUE not in repr(vars(mutator(HttpMutator, headers=HEADERS)))


def leaks(text: str) -> bool:
    return any(part in text for part in ("p/q", "p%2F", "p\\/q", "r\\", "100%", "u<v", "&t"))


@pytest.mark.parametrize("repeated", REPEATED.values(), ids=REPEATED.keys())
@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_outside_system_that_repeats_it_does_not_get_it_stored(
    outside: Outside, repeated: str, status: int
) -> None:
    outside.answers(status, f"You sent {repeated} to us".encode(), "text/plain")
    call = {200: called, 400: sure_no, 500: unclear}[status]

    told = str(call(outside.address, headers=HEADERS))

    assert not leaks(told)
    assert "[secret]" in told


@pytest.mark.parametrize("escaped", [json.dumps, lambda value: f'"{_in_escapes(value)}"'])
def test_json_that_repeats_it_keeps_its_shape(outside: Outside, escaped: Any) -> None:
    body = f'{{"headers": {{"a": ["x ", {escaped(VALUE)}]}}, {escaped(VALUE)}: 1, "n": 2}}'
    outside.answers(200, body.encode())

    assert called(outside.address, headers=HEADERS)["body"] == {
        "headers": {"a": ["x ", "[secret]"]},
        "[secret]": 1,
        "n": 2,
    }
    found = looked_up(outside.address, headers=HEADERS)
    assert not leaks(str(found.result))
    outside.answers(500, body.encode())
    assert not leaks(unclear(outside.address, headers=HEADERS))


def _in_escapes(value: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in value)


def test_a_number_is_struck_out_as_a_whole(outside: Outside, settings: Settings) -> None:
    settings.BANK_TOKEN = "4711"
    outside.answers(200, {"pin": 4711, "amount": 47110})
    assert called(outside.address, headers=HEADERS)["body"] == {
        "pin": "[secret]",
        "amount": 47110,
    }


def test_it_is_struck_out_before_the_text_is_cut(outside: Outside) -> None:
    outside.answers(500, ("x" * 295 + VALUE).encode(), "text/plain")
    assert unclear(outside.address, headers=HEADERS) == "POST answered 500: " + "x" * 295 + "[secr"


@pytest.mark.parametrize("value", ["token ", "token\n", "tök", "a\x7fb"])
def test_a_value_that_cannot_be_sent_is_told_by_its_header(
    outside: Outside, settings: Settings, value: str
) -> None:
    settings.BANK_TOKEN = value
    refused = sure_no(outside.address, headers={"Authorization": Secret("BANK_TOKEN")})
    assert str(refused) == (
        "The request can't be built: ValueError: header Authorization has characters that can't"
        " be sent"
    )
    assert outside.received == []


def test_an_error_of_the_authors_code_does_not_show_it(outside: Outside) -> None:
    def body(self: HttpMutator, params: Any) -> Any:
        raise ValueError(f"bad token {SECRET.filled()}")

    refused = sure_no(outside.address, headers=HEADERS, body=body)

    assert str(refused) == "The request can't be built: ValueError: bad token Bearer [secret]"


@pytest.mark.django_db
@pytest.mark.parametrize("status", [200, 400, 500, None])
def test_no_row_of_the_ledger_and_no_line_of_the_log_holds_it(
    outside: Outside, settings: Settings, caplog: pytest.LogCaptureFixture, status: int | None
) -> None:
    caplog.set_level("INFO")
    settings.BANK_TOKEN = "s3cr3t-value"
    outside.answers(status or 200, {"echo": "Bearer s3cr3t-value"}, X_Echo="s3cr3t-value")
    url = outside.address if status else f"http://127.0.0.1:{unused_port()}"
    pay: Any = mutator(HttpMutator, url=url, headers=HEADERS)

    with registered(workflow_with(pay)):
        run = Scene(pay, "pay").happens(days=0)

    statuses = {200: "committed", 400: "failed", 500: "blocked", None: "failed"}
    assert run.status == statuses[status]
    assert run.mutation.evidence.count() == 1
    rows = repr(everything())
    assert "s3cr3t" not in rows
    assert base64.b64encode(b"s3cr3t-value").decode() not in rows
    assert "s3cr3t" not in caplog.text
