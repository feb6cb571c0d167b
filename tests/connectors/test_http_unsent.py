"""What proves that nothing was sent: only then may the host send again by itself (P1)."""

from __future__ import annotations

import contextvars
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from tests.connectors.calling import called, mutator, sure_no, unclear
from tests.connectors.server import Outside, dribbling_port, full_port, silent_port, unused_port
from workflows_app.connectors.http import HttpMutator, exchange
from workflows_app.connectors.http.network import CallBudget, NotSent
from workflows_app.engine.jobs import Answer, Job, Worker
from workflows_app.sdk import NotApplied
from workflows_app.sdk.deadlines import limit_call, seconds_left


def test_a_refused_connection_did_not_happen_and_may_work_later() -> None:
    refused = sure_no(f"http://127.0.0.1:{unused_port()}")
    assert str(refused) == "Nothing was sent: ConnectError: [Errno 111] Connection refused"
    assert (refused.retryable, refused.caller_fault, refused.unsent) == (True, False, True)


def test_an_unknown_host_did_not_happen_and_may_work_later() -> None:
    refused = sure_no("http://bank.invalid")
    assert str(refused).startswith("Nothing was sent: ConnectError: ")
    assert refused.retryable is True


def test_an_address_that_swallows_everything_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look_up = socket.getaddrinfo

    def two_addresses(host: str, *rest: Any, **named: Any) -> Any:
        hosts = ("127.0.0.1", "127.0.0.2") if host == "bank.example" else (host,)
        return [found for each in hosts for found in look_up(each, *rest, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    with full_port() as port, socket.create_server(("127.0.0.2", port)):
        times = {"connect_timeout_seconds": 0.4, "read_timeout_seconds": 0.1}
        assert "ReadTimeout" in unclear(f"http://bank.example:{port}", **times)


def test_a_connection_that_is_not_made_in_time_did_not_happen() -> None:
    with full_port() as port:
        refused = sure_no(f"http://127.0.0.1:{port}", connect_timeout_seconds=0.1)
    assert str(refused) == "Nothing was sent: ConnectTimeout: timed out"
    assert refused.retryable is True


def test_a_handshake_that_is_not_done_in_time_did_not_happen() -> None:
    with silent_port() as port:
        refused = sure_no(f"https://127.0.0.1:{port}", connect_timeout_seconds=0.1)
    assert str(refused).startswith("Nothing was sent: ConnectTimeout: ")


def test_a_handshake_of_a_byte_at_a_time_did_not_happen(outside: Outside) -> None:
    began = time.monotonic()
    with dribbling_port(b"\x16\x03\x03\x40\x00") as port:
        refused = sure_no(f"https://127.0.0.1:{port}", connect_timeout_seconds=0.2)
    assert str(refused).startswith("Nothing was sent: ConnectTimeout: ")
    assert time.monotonic() - began < 3


def test_a_server_without_the_right_certificate_gets_nothing(outside: Outside) -> None:
    refused = sure_no(outside.address.replace("http:", "https:"))
    assert str(refused).startswith("Nothing was sent: ConnectError: [SSL")
    assert outside.received == []


def test_a_request_that_cannot_be_built_did_not_happen_and_will_not_later(
    outside: Outside,
) -> None:
    class Broken(HttpMutator):
        url = outside.address

        def body(self, params: Any) -> Any:
            return params["missing"]

    with pytest.raises(NotApplied) as caught:
        Broken().execute({}, idempotency_key="k")
    assert str(caught.value) == "The request can't be built: KeyError: 'missing'"
    refused = caught.value
    assert (refused.retryable, refused.caller_fault, refused.unsent) == (False, True, True)
    assert outside.received == []


def raises(self: object) -> Any:
    raise AttributeError("no BANK in the settings")


@pytest.mark.parametrize(
    ("attribute", "read", "why"),
    [
        ("connect_timeout_seconds", lambda _: "5", "must be a number above 0, of 1,000,000,000 at most, not '5'."),
        ("read_timeout_seconds", lambda _: "20", "must be a number above 0, of 1,000,000,000 at most, not '20'."),
        ("answer_max_bytes", raises, "no BANK in the settings"),
        ("not_applied_statuses", lambda _: 404, "must be a set of numbers, as {404}, not 404."),
        ("caller_fault_statuses", raises, "no BANK in the settings"),
        ("idempotency_header", raises, "no BANK in the settings"),
        ("headers", raises, "no BANK in the settings"),
    ],
)  # fmt: skip
def test_a_property_is_found_wrong_before_anything_is_sent(
    outside: Outside, attribute: str, read: Callable[[Any], Any], why: str
) -> None:
    wrong = sure_no(outside.address, **{attribute: property(read)})

    assert str(wrong).startswith("The request can't be built: ")
    assert str(wrong).endswith(why)
    assert wrong.caller_fault is True
    assert outside.received == []


def test_connecting_ends_before_the_host_gives_up_so_that_the_answer_is_a_sure_no() -> None:
    answers: SimpleQueue[Answer] = SimpleQueue()
    with full_port() as port:
        pay = mutator(HttpMutator, url=f"http://127.0.0.1:{port}", connect_timeout_seconds=60.0)
        job = Job(
            lambda: pay().execute({}, idempotency_key="k"),
            seconds=0.5,
            done=answers.put,
            late=answers.put,
        )
        Worker.start(job)
        answer = answers.get(timeout=10)
    assert answer.duration_ms < 500
    assert isinstance(answer.error, NotApplied)
    assert str(answer.error) == "Nothing was sent: ConnectTimeout: timed out"


def test_a_request_is_kept_back_when_the_host_no_longer_waits(outside: Outside) -> None:
    def call() -> NotApplied:
        limit_call(0)
        return sure_no(outside.address)

    kept_back = contextvars.copy_context().run(call)

    assert str(kept_back) == "Nothing was sent: ConnectTimeout: timed out"
    assert outside.received == []


def test_a_connection_that_is_there_when_time_is_up_is_not_used() -> None:
    def call() -> bool:
        limit_call(60)
        budget = CallBudget(connect_seconds=5, read_seconds=20, received_bytes=1)
        limit_call(0)
        with pytest.raises(NotSent, match="connecting took longer than the host waits"):
            budget.begin()
        return budget.has_begun

    assert contextvars.copy_context().run(call) is False


def test_a_call_that_the_host_gave_up_sends_nothing_afterwards(outside: Outside) -> None:
    is_given_up = threading.Event()
    in_time: SimpleQueue[Answer] = SimpleQueue()
    late: SimpleQueue[Answer] = SimpleQueue()

    def held_up() -> Any:
        is_given_up.wait()
        return called(outside.address)

    job = Job(held_up, seconds=0, done=in_time.put, late=late.put)
    Worker.start(job)
    given_up = job.give_up()
    is_given_up.set()

    assert given_up is not None
    assert given_up.timed_out
    assert isinstance(late.get(timeout=10).error, NotApplied)
    assert in_time.empty()
    assert outside.received == []


def test_outside_of_a_call_nobody_is_in_a_hurry(outside: Outside) -> None:
    assert seconds_left() is None
    assert called(outside.address) == {"status": 200, "body": {}}


def test_certificates_that_cannot_be_read_are_a_sure_no(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    exchange._tls.cache_clear()
    try:
        refused = sure_no(outside.address)
    finally:
        exchange._tls.cache_clear()
    assert str(refused).startswith(
        "Nothing was sent: NotSent: no connection can be made: FileNotFoundError: "
    )
    assert outside.received == []
