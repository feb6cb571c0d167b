"""Secret values that an outside system repeats are stored nowhere, however they are written."""

from __future__ import annotations

import base64
import json
import logging
import re
from typing import Any
from urllib.parse import quote

import pytest
from pytest_django import Settings

from tests.connectors.calling import called, looked_up, mutator, unclear
from tests.connectors.server import Outside, unused_port
from tests.connectors.token import CALLS, HEADERS, REPEATED, VALUE, leaks, packed
from tests.operations.readiness import everything
from tests.scenes import Scene, workflow_with
from workflows_app.connectors.http import HttpMutator, Secret
from workflows_app.testing import registered

pytestmark = pytest.mark.usefixtures("token")


@pytest.mark.parametrize("repeated", REPEATED.values(), ids=REPEATED.keys())
def test_an_outside_system_that_repeats_it_does_not_get_it_stored(
    outside: Outside, repeated: str
) -> None:
    for status, call in CALLS.items():
        outside.answers(status, f"You sent {repeated} to us".encode(), "text/plain")

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


@pytest.mark.parametrize("number", ["47110815", "47110815.0", "4.7110815e7"])
def test_a_number_is_struck_out_as_a_whole(
    outside: Outside, settings: Settings, number: str
) -> None:
    settings.BANK_TOKEN = "47110815"
    outside.answers(200, f'{{"pin": {number}, "amount": 4711081}}'.encode())
    assert called(outside.address, headers=HEADERS)["body"] == {
        "pin": "[secret]",
        "amount": 4711081,
    }


def test_what_json_hides_of_an_answer_is_struck_out_of_its_text(outside: Outside) -> None:
    outside.answers(500, f'{{"a": {json.dumps(VALUE)}, "a": "b"}}'.encode())
    assert unclear(outside.address, headers=HEADERS) == 'POST answered 500: {"a": "b"}'


@pytest.mark.parametrize("repeated", [f"Bearer {VALUE}", VALUE, quote(VALUE), "0123456789abc"])
def test_a_secret_that_the_author_wrote_into_a_header_is_struck_out(
    outside: Outside, settings: Settings, repeated: str
) -> None:
    settings.BANK_TOKEN = None
    outside.answers(500, f"refused: {repeated}".encode(), "text/plain")
    headers = {"Authorization": f"Bearer {VALUE}", "Cookie": "a=b; session=0123456789abc"}
    assert unclear(outside.address, headers=headers) == "POST answered 500: refused: [secret]"


def test_which_headers_hold_secrets_is_seen_by_their_names(
    outside: Outside, settings: Settings
) -> None:
    settings.BANK_TOKEN = None
    outside.answers(500, b"no: abcdef7 abcdefg8", "text/plain")
    secret = ("Proxy-Auth", "Cookie", "X-Credential", "Api-Key", "X-Passwd", "X-Secret")
    for name in (*secret, "X-Signature", "X-TOKEN"):
        said = unclear(outside.address, headers={name: "abcdefg8"})
        assert said == "POST answered 500: no: abcdef7 [secret]", name
    for headers in ({"X-Trace": "abcdefg8"}, {"Api-Key": "abcdef7"}):
        assert unclear(outside.address, headers=headers).endswith("no: abcdef7 abcdefg8")


def test_what_a_packed_secret_says_is_struck_out(outside: Outside, settings: Settings) -> None:
    settings.BANK_TOKEN = base64.b64encode(b"us:correct-horse").decode()
    outside.answers(500, b"us may not use correct-horse", "text/plain")
    told = unclear(outside.address, headers={"Authorization": Secret("BANK_TOKEN", "Basic {}")})
    assert told == "POST answered 500: us may not use [secret]"
    # A short password is all over the answer.
    settings.BANK_TOKEN = base64.b64encode(b"us:a").decode()
    outside.answers(500, b"us may not use a bank", "text/plain")
    assert unclear(outside.address).endswith("us may not use a bank")


def test_of_a_text_in_which_it_is_packed_only_the_word_is_struck_out(outside: Outside) -> None:
    outside.answers(500, f"You sent {packed(VALUE)} to us".encode(), "text/plain")
    told = unclear(outside.address, headers=HEADERS)
    assert told == "POST answered 500: You sent [secret] to us"


@pytest.mark.parametrize(
    ("echo", "charset"),
    [
        ("Zugang größte-2".encode(), "iso-8859-1"),
        ("Zugang größte-2".encode(), "cp1252"),
        ("Zugang größte-2".encode("latin-1"), "utf-8"),
        (b"Zugang gr??te-2", "ascii"),
        (repr("Zugang größte-2".encode()).encode(), "ascii"),
    ],
)
def test_letters_that_somebody_misread_are_struck_out(
    outside: Outside, settings: Settings, echo: bytes, charset: str
) -> None:
    settings.BANK_TOKEN = "größte-2"
    outside.answers(500, b"no: " + echo, f"text/plain; charset={charset}")
    assert re.fullmatch(
        r"POST answered 500: no: (b')?Zugang \[secret\]'?",
        unclear(outside.address, body=lambda self, params: {"key": Secret("BANK_TOKEN")}),
    )


def test_it_is_struck_out_before_the_text_is_cut(outside: Outside) -> None:
    outside.answers(500, ("x" * 295 + VALUE).encode(), "text/plain")
    assert unclear(outside.address, headers=HEADERS) == "POST answered 500: " + "x" * 295 + "[secr"


@pytest.mark.django_db
@pytest.mark.parametrize("status", [200, 400, 500, None])
def test_no_row_of_the_ledger_and_no_line_of_the_log_holds_it(
    outside: Outside, settings: Settings, caplog: pytest.LogCaptureFixture, status: int | None
) -> None:
    for logger in (None, "httpcore", "httpx"):
        caplog.set_level(logging.DEBUG, logger=logger)
    settings.BANK_TOKEN = "s3cr3t-value"
    in_base64 = packed("us:s3cr3t-value")
    outside.answers(status or 200, {"echo": "Bearer s3cr3t-value", in_base64: 1}, X_Echo=in_base64)
    outside.raw = outside.raw.replace(b" Word", b" s3cr3t-value").replace(
        b"X_Echo", b"s3cr3t-value"
    )
    url = outside.address if status else f"http://127.0.0.1:{unused_port()}"
    pay: Any = mutator(HttpMutator, url=url, headers=HEADERS)

    with registered(workflow_with(pay)):
        run = Scene(pay, "pay").happens(days=0)

    statuses = {200: "committed", 400: "failed", 500: "blocked", None: "failed"}
    assert run.status == statuses[status]
    assert run.mutation.evidence.count() == 1
    rows = repr(everything())
    for form in ("s3cr3t", in_base64, packed("s3cr3t-value")):
        assert form not in rows
        assert form not in caplog.text
