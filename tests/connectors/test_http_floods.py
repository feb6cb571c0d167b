"""An outside system that sends too much, too slowly or for ever costs a worker neither memory nor a thread (P8)."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from queue import SimpleQueue
from typing import Any

import pytest

from tests.connectors.calling import called, mutator, sure_no, unclear
from tests.connectors.server import Outside, full_port, silent_port
from workflows_app.conf import Policy
from workflows_app.connectors.http import HttpMutator
from workflows_app.engine.jobs import Answer, Job, Worker

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
MEGABYTE = 1_000_000
TIMED_OUT = "ReadTimeout: timed out"
TOO_LARGE = "AnswerTooLarge: the answer has over 100,000 bytes"
TOO_MUCH = "AnswerTooLarge: over 900,000 bytes came in place of an answer"
TOO_LONG = "RemoteProtocolError: Receive buffer too long"
HINTS = b"HTTP/1.1 103 Early Hints\r\n" + b"Link: a\r\n" * 3000 + b"\r\n"
#: What begins so and goes on like this, with pauses of so many seconds, and what is told of it.
ENDLESS = {
    "a byte of a header at a time": (OK + b"X: ", b"x", 0.02, TIMED_OUT),
    "a header line at a time": (OK, b"X: y\r\n", 0.02, TIMED_OUT),
    "a byte of the body at a time": (OK + b"Content-Length: 9999\r\n\r\n", b"x", 0.02, TIMED_OUT),
    "a chunk at a time": (CHUNKED, b"1\r\nx\r\n", 0.02, TIMED_OUT),
    "a trailer at a time": (CHUNKED + b"0\r\n", b"X: y\r\n", 0.02, TIMED_OUT),
    "100 Continue at a time": (GO_ON, GO_ON, 0.02, TIMED_OUT),
    "100 Continue": (GO_ON, GO_ON * 2000, 0, TOO_MUCH),
    "early hints": (GO_ON, HINTS, 0, TOO_MUCH),
    "header lines": (OK, b"X: y\r\n" * 10_000, 0, TOO_LONG),
    "one header line": (OK + b"X: ", b"x" * 65_536, 0, TOO_LONG),
    "cookies": (OK, b"Set-Cookie: a=" + b"x" * 4000 + b"\r\n", 0, TOO_LONG),
    "one reason": (b"HTTP/1.1 200 ", b"x" * 65_536, 0, TOO_LONG),
    "extensions of chunks": (CHUNKED, b"1;" + b"e" * 60_000 + b"\r\nx\r\n", 0, TOO_MUCH),
    "one extension of a chunk": (CHUNKED + b"1;", b"e" * 65_536, 0, TOO_LONG),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n" * 10_000, 0, TOO_LONG),
    "one chunk": (CHUNKED + b"FFFFFFFFFFFFFFFF\r\n", b"x" * 65_536, 0, TOO_LARGE),
    "a body without a length": (OK + b"\r\n", b"x" * 65_536, 0, TOO_LARGE),
    "the body of an error": (b"HTTP/1.1 400 Bad\r\n\r\n", b"x" * 65_536, 0, TOO_LARGE),
    "the body of a redirect": (b"HTTP/1.1 302 Go\r\n\r\n", b"x" * 65_536, 0, TOO_LARGE),
    "a packed body after its end": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}"),
        b"x" * 65_536,
        0,
        "DecodingError: the packed body goes on after its end",
    ),
    "a packed body of nothing": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10],
        b"\x00\x00\x00\xff\xff" * 10_000,
        0,
        TOO_MUCH,
    ),
}


@contextmanager
def keeping_little() -> Iterator[None]:
    """What runs here has only a few megabytes at any moment."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MEGABYTE


@pytest.mark.parametrize("what", ENDLESS)
def test_what_never_ends_is_cut_off(outside: Outside, what: str) -> None:
    begins, again, pause, told = ENDLESS[what]
    outside.never_ends(begins, again, pause=pause)
    # To watch the memory takes long where there are many small answers, of which none is kept.
    watched = nullcontext() if begins == GO_ON else keeping_little()
    began = time.monotonic()

    with watched:
        found = unclear(outside.address, read_timeout_seconds=0.3 if pause else 60.0)

    assert found.startswith(f"No complete answer: {told}")
    assert not pause or time.monotonic() - began < 5
    assert outside.hung_up.wait(timeout=5)


def packed_often(times: int) -> bytes:
    """Return 50 MB of nothing, packed so many times."""
    packer = zlib.compressobj(wbits=31)
    once = b"".join(packer.compress(b"\x00" * MEGABYTE) for _ in range(50)) + packer.flush()
    return once if times == 1 else gzip.compress(gzip.compress(once))


@pytest.mark.parametrize(
    ("coding", "times", "length", "told"),
    [
        ("gzip", 1, None, TOO_LARGE),
        ("gzip, gzip, gzip", 3, None, "DecodingError: the body is packed as gzip, gzip, gzip,"),
        ("gzip\r\nContent-Encoding: gzip", 3, None, "DecodingError: the body is packed as gzip"),
        ("br", 1, 2, "DecodingError: the body is packed as br, which was not asked for"),
        ("gzip", 1, 100, "DecodingError: the packed body breaks off"),
    ],
)
def test_a_packed_body_is_not_unpacked_beyond_the_limit(
    outside: Outside, coding: str, times: int, length: int | None, told: str
) -> None:
    body = packed_often(times)[:length]
    outside.answers(200, body, **{"Content-Encoding": coding})

    with keeping_little():
        found = unclear(outside.address)

    assert found.startswith(f"No complete answer: {told}")
    assert found.endswith(" (it answered 200)")
    assert outside.received[0].headers["Accept-Encoding"] == "identity"


def test_a_call_ends_before_the_host_gives_it_up_and_frees_its_thread_and_its_connection(
    outside: Outside,
) -> None:
    outside.never_ends(OK + b"X: ", b"x", pause=0.02)
    pay = mutator(HttpMutator, url=outside.address, read_timeout_seconds=60.0)
    ended: SimpleQueue[Answer] = SimpleQueue()
    before = threading.active_count()

    job = Job(
        lambda: pay().execute({}, idempotency_key="k"),
        seconds=1.0,
        done=ended.put,
        late=ended.put,
    )
    Worker.start(job)
    answer = ended.get(timeout=5)

    assert str(answer.error) == "No complete answer: ReadTimeout: timed out"
    assert 800 < answer.duration_ms < 1000
    assert outside.hung_up.wait(timeout=5)
    # The server's own threads, and one that waits for the next job.
    assert threading.active_count() <= before + 2


def test_a_request_that_is_taken_in_too_slowly_ends_in_time() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        stop = threading.Event()

        def sip() -> None:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(2048) and not stop.wait(0.01):
                    pass

        reader = threading.Thread(target=sip)
        reader.start()
        began = time.monotonic()
        told = unclear(
            f"http://127.0.0.1:{listener.getsockname()[1]}",
            {"bulk": "x" * 20 * MEGABYTE},
            read_timeout_seconds=0.5,
        )
        took = time.monotonic() - began
        stop.set()
        reader.join()
    assert told == "No complete answer: WriteTimeout: timed out"
    assert took < 3


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_each_time_out_is_for_its_own_part_of_the_call(scheme: str) -> None:
    began = time.monotonic()
    if scheme == "http":
        with full_port() as port:
            sure_no(f"http://127.0.0.1:{port}", connect_timeout_seconds=0.1, read_timeout_seconds=9)
    else:
        with silent_port() as port:
            sure_no(
                f"https://127.0.0.1:{port}", connect_timeout_seconds=0.1, read_timeout_seconds=9
            )
    with silent_port() as port:
        unclear(f"http://127.0.0.1:{port}", connect_timeout_seconds=9, read_timeout_seconds=0.1)
    assert time.monotonic() - began < 3


def test_an_answer_may_take_longer_than_connecting(outside: Outside) -> None:
    outside.gate.clear()
    threading.Timer(0.7, outside.gate.set).start()
    slow: dict[str, Any] = {"connect_timeout_seconds": 0.5, "read_timeout_seconds": 9}
    assert called(outside.address, **slow) == {"status": 200, "body": {}}


def test_by_default_a_call_ends_before_the_host_gives_it_up() -> None:
    assert HttpMutator.connect_timeout_seconds == 5
    assert HttpMutator.read_timeout_seconds == 20
    assert Policy().call_timeout_seconds > 5 + 20


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"Content-Length: 2\r\n\r\n{}",
        OK + b"Content-Length: 2\r\nConnection: keep-alive\r\nKeep-Alive: timeout=99\r\n\r\n{}",
        GO_ON * 100 + OK + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nX: y\r\n\r\n",
    ],
    ids=["open", "kept alive", "chunked"],
)
def test_a_whole_answer_is_taken_though_the_connection_stays_open(
    outside: Outside, raw: bytes
) -> None:
    outside.never_ends(raw, b"{}", pause=0.02)
    assert called(outside.address, read_timeout_seconds=2.0) == {"status": 200, "body": {}}
    assert outside.hung_up.wait(timeout=5)


def test_a_body_in_chunks_of_a_byte_is_taken_up_to_the_limit(outside: Outside) -> None:
    outside.raw = CHUNKED + b"1\r\nx\r\n" * 9000 + b"0\r\n\r\n"
    assert called(outside.address, answer_max_bytes=9000)["body"] == "x" * 9000


def test_a_body_that_may_not_be_there_is_not_read(outside: Outside) -> None:
    outside.raw = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"
    assert called(outside.address) == {"status": 204, "body": ""}
