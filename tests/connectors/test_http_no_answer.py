"""A request that left and got no clear answer may have done its work: the outcome is unknown (P3)."""

from __future__ import annotations

import pytest

from tests.connectors.calling import called, unclear
from tests.connectors.server import Outside, silent_port


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "RemoteProtocolError: Server disconnected without sending a response."),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "RemoteProtocolError: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "RemoteProtocolError: peer closed"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
            "RemoteProtocolError: peer closed",
        ),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "RemoteProtocolError: illegal status line"),
        (b"\x00\xff\xfe" * 100, "RemoteProtocolError: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", "RemoteProtocolError: "),
        (b"HTTP/1.1 OK\r\n\r\n", "RemoteProtocolError: illegal status line"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            "DecodingError: Error -3 while decompressing data",
        ),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "RemoteProtocolError: "),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_broken_answer_leaves_the_outcome_unknown(
    outside: Outside, raw: bytes, told: str
) -> None:
    outside.raw = raw

    assert unclear(outside.address).startswith(f"No complete answer: {told}")
    assert len(outside.received) == 1


def test_trouble_that_is_long_to_tell_is_cut_but_for_the_status_that_came(outside: Outside) -> None:
    chunk = "x" * 5000
    outside.raw = f"HTTP/1.1 203 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}\r\n".encode()

    told = unclear(outside.address)

    assert told.startswith("No complete answer: RemoteProtocolError: illegal chunk header")
    assert told.endswith("') (it answered 203)")
    assert len(told) == 1000 + len(" … ") + 100


def test_no_answer_in_time_leaves_the_outcome_unknown(outside: Outside) -> None:
    outside.gate.clear()

    assert unclear(outside.address, read_timeout_seconds=0.05) == (
        "No complete answer: ReadTimeout: timed out"
    )


def test_a_server_that_takes_the_connection_and_stays_silent_may_have_got_the_request() -> None:
    with silent_port() as port:
        assert unclear(f"http://127.0.0.1:{port}", read_timeout_seconds=0.05) == (
            "No complete answer: ReadTimeout: timed out"
        )


def test_a_request_that_is_too_large_to_be_taken_in_may_have_left_in_part() -> None:
    with silent_port() as port:
        told = unclear(
            f"http://127.0.0.1:{port}", {"bulk": "x" * 20_000_000}, read_timeout_seconds=0.05
        )
    assert told == "No complete answer: WriteTimeout: timed out"


@pytest.mark.parametrize(
    ("begins", "again", "told"),
    [
        (b"", b"", "RemoteProtocolError: Server disconnected without sending a response."),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x", "ReadTimeout: "),
    ],
    ids=["nothing", "a byte at a time"],
)
def test_over_tls_a_request_that_left_may_have_done_its_work(
    outside_by_tls: Outside, begins: bytes, again: bytes, told: str
) -> None:
    assert called(outside_by_tls.address) == {"status": 200, "body": {}}
    outside_by_tls.never_ends(begins, again, pause=0.02)

    found = unclear(outside_by_tls.address, read_timeout_seconds=0.3)

    assert found.startswith(f"No complete answer: {told}")
    assert len(outside_by_tls.received) == 2
