"""A proxy of the environment can't make an unknown outcome look like a known one (P1).

A proxy that sees the request may pass it on and then answer by itself, with 403 for an answer that
its rules forbid, say. So `http://` goes there directly, and `https://` through a tunnel only.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

import pytest

from tests.connectors.calling import called, sure_no
from tests.connectors.server import Outside, unused_port


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    """A proxy that refuses everything, in the environment for all addresses."""
    server = Outside()
    server.answers(403, {"problem": "by the rules of this house"})
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, server.address)
    yield server
    server.close()


def test_a_plain_address_is_reached_without_the_proxy(outside: Outside, proxy: Outside) -> None:
    assert called(outside.address) == {"status": 200, "body": {}}
    assert proxy.received == []


@pytest.mark.parametrize("other", ["ALL_PROXY", "HTTPS_PROXY"])
def test_a_tunnel_that_the_proxy_refuses_is_proof_that_nothing_was_sent(
    proxy: Outside, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.delenv(other)
    refused = sure_no("https://bank.example:8443/payments")

    assert str(refused) == "Nothing was sent: ProxyError: 403 Word"
    assert refused.retryable is True
    (connect,) = proxy.received
    assert (connect.method, connect.path, connect.body) == ("CONNECT", "bank.example:8443", b"")
    assert "Idempotency-Key" not in connect.headers


def test_a_proxy_that_is_away_is_proof_that_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unused_port()}")

    refused = sure_no("https://bank.example/payments")

    assert str(refused) == "Nothing was sent: ConnectError: [Errno 111] Connection refused"


def test_a_proxy_that_cannot_be_used_is_a_sure_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://127.0.0.1:70")

    refused = sure_no("https://bank.example/payments")

    assert str(refused).startswith("Nothing was sent: NotSent: no connection can be made: ")


@pytest.mark.parametrize("again", [b"x", b""], ids=["a byte at a time", "silence"])
def test_a_proxy_that_never_answers_is_proof_that_nothing_was_sent(
    proxy: Outside, again: bytes
) -> None:
    proxy.never_ends(b"HTTP/1.1 200 OK\r\nX: ", again, pause=0.02)
    if not again:
        proxy.gate.clear()
    began = time.monotonic()

    refused = sure_no("https://bank.example/payments", connect_timeout_seconds=0.2)

    assert str(refused) == "Nothing was sent: ReadTimeout: timed out"
    assert refused.retryable is True
    assert time.monotonic() - began < 3


def test_a_proxy_that_lets_no_time_out_be_kept_is_a_sure_no(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "https://127.0.0.1:1")
    assert str(sure_no("https://bank.example/payments")) == (
        "Nothing was sent: NotSent: no connection can be made: ValueError: a proxy must be named by"
        " http://: over https:// no time-out is kept"
    )


def test_an_address_that_needs_no_proxy_is_reached_without_it(
    proxy: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = unused_port()
    for host in ("127.0.0.1", f"127.0.0.1:{port}"):
        monkeypatch.setenv("NO_PROXY", host)
        refused = sure_no(f"https://127.0.0.1:{port}")
        assert str(refused) == "Nothing was sent: ConnectError: [Errno 111] Connection refused"
    assert proxy.received == []


def test_the_password_of_a_proxy_is_sent_to_it_and_stored_nowhere(
    proxy: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.address.replace("//", "//me:correct%2Dhorse@"))
    proxy.raw = b"HTTP/1.1 407 me:correct-horse is unknown\r\nContent-Length: 0\r\n\r\n"

    refused = sure_no("https://bank.example/payments")

    assert str(refused) == "Nothing was sent: ProxyError: 407 me:[secret] is unknown"
    sent = proxy.received[0].headers["Proxy-Authorization"]
    assert sent == "Basic " + base64.b64encode(b"me:correct-horse").decode()
