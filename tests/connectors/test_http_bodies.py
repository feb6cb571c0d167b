"""Whatever body a success has, the ledger can keep the answer: the outcome is not lost over it (P3)."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.connectors.calling import called, mutator, unclear
from tests.connectors.server import Outside
from tests.scenes import Scene, workflow_with
from workflows_app.connectors.http import HttpMutator
from workflows_app.sdk.json_values import json_value
from workflows_app.testing import registered


def body_of(outside: Outside, body: Any, content_type: str = "application/json") -> Any:
    outside.answers(200, body, content_type)
    result = called(outside.address)
    assert json_value(result, field="result", limit_bytes=500_000) == result
    return result["body"]


@pytest.mark.parametrize(
    "value", [{"number": 7, "lines": [1, {"note": None}]}, [], "text", 0, 1.5, None, False]
)
def test_json_is_kept_as_json(outside: Outside, value: Any) -> None:
    assert body_of(outside, value) == value
    assert body_of(outside, value, "text/plain") == value


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"", ""),
        (b"OK", "OK"),
        (b"<h1>Paid</h1>", "<h1>Paid</h1>"),
        (b'{"number": 7', '{"number": 7'),
        (b"caf\xe9", "caf\ufffd"),
        (b"a\x00b", "a\ufffdb"),
        (b'{"note": "a\\u0000b"}', '{"note": "a\\u0000b"}'),
        (b'{"note": "\\ud800"}', '{"note": "\\ud800"}'),
        (b'{"amount": NaN}', '{"amount": NaN}'),
        (b'{"amount": 1e999}', '{"amount": 1e999}'),
        (b'{"amount": -Infinity}', '{"amount": -Infinity}'),
        (b'{"a":' * 15_000, '{"a":' * 15_000),
        (b"[" * 50_000, "[" * 50_000),
        (b"[" * 900 + b"]" * 900, None),
        (b"1" * 5000, "1" * 5000),
    ],
    ids=repr,
)
def test_what_is_not_json_that_can_be_stored_is_kept_as_text(
    outside: Outside, body: bytes, kept: str | None
) -> None:
    found = body_of(outside, body)
    assert found == kept or (kept is None and found)


@pytest.mark.parametrize(
    ("content_type", "body", "kept"),
    [
        ("text/plain; charset=latin-1", b"caf\xe9", "café"),
        ("application/json; charset=utf-16", '{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        ("application/json", b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("text/plain; charset=klingon", "é".encode(), "é"),
        ("text/plain; charset=hex", b"zz", "zz"),
        ("text/plain; charset=undefined", b"zz", "zz"),
        ("text/plain; charset=zlib", b"zz", "zz"),
        ("text/plain; charset=punycode", b"zz-", "zz-"),
        ("text/plain; charset=unicode_escape", b"\\x41", "\\x41"),
        ("text/plain; charset=" + "x" * 5000, b"zz", "zz"),
        ('text/plain; charset="latin-1"; x=y', b"\xe9", "é"),
        ("text/plain; charset=utf-16", "Größe".encode(), "Größe"),
        ("text/plain; charset=cp037", b"zz", "zz"),
        ("text/plain; charset=cp037", "é+zz".encode("cp037"), "é+zz"),
        ("text/plain; charset=utf-7", b"+2AA-", "?"),
    ],
)
def test_any_encoding_gives_text(
    outside: Outside, content_type: str, body: bytes, kept: Any
) -> None:
    assert body_of(outside, body, content_type) == kept


def test_a_compressed_body_is_read(outside: Outside) -> None:
    outside.answers(200, gzip.compress(b'{"number": 7}'), **{"Content-Encoding": "gzip"})
    assert called(outside.address, answer_max_bytes=1e5)["body"] == {"number": 7}


def test_an_answer_of_just_the_limit_is_taken_and_one_byte_more_is_no_answer(
    outside: Outside,
) -> None:
    outside.answers(200, b"x" * 1000, "text/plain")
    assert called(outside.address, answer_max_bytes=1000)["body"] == "x" * 1000
    outside.answers(200, b"x" * 1001, "text/plain")
    assert unclear(outside.address, answer_max_bytes=1000) == (
        "No complete answer: AnswerTooLarge: the answer has over 1,000 bytes (it answered 200)"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            {"body": b"\x1f", "Content_Encoding": "br"},
            "UnclearAnswer: No complete answer: DecodingError: the body is packed as br, which was not"
            " asked for (it answered 201)",
        ),
        (
            {"body": {"number": "x" * 300_000}},
            "the call returned, but result takes 300,035 bytes as JSON; at most 262,144 are allowed."
            " Store the bulk elsewhere and keep a reference, or raise json_max_bytes, in WORKFLOWS or in the `policy` that overrides it. It"
            " returned: dict {'status': 201, 'body': {'number': 'xxxxxxxx",
        ),
    ],
    ids=["packed", "large"],
)
def test_the_evidence_says_that_the_outside_answered_and_what(
    outside: Outside, answer: dict[str, Any], told: str
) -> None:
    headers = {name.replace("_", "-"): answer[name] for name in answer if name != "body"}
    outside.answers(201, answer["body"], **headers)
    pay: Any = mutator(HttpMutator, url=outside.address, answer_max_bytes=500_000)

    with registered(workflow_with(pay)):
        run = Scene(pay, "pay").happens(days=0)

    assert run.status == "blocked"
    assert run.mutation.evidence.get().detail.startswith(told)
