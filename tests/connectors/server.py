"""A real outside system: an HTTP server that records what it gets and answers as a test says."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme


@cache
def authority() -> trustme.CA:
    """Return who vouches for this server, made for this run of the tests."""
    return trustme.CA()


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Outside:
    """The server. What it answers next is set on it; what it got is in `received`."""

    def __init__(self, *, scheme: str = "http") -> None:
        self._scheme = scheme
        self.received: list[Received] = []
        #: Requests wait here before they are answered.
        self.gate = threading.Event()
        self.gate.set()
        #: Set once whoever asked has closed the connection before all was sent.
        self.hung_up = threading.Event()
        self._pause, self._again = 0.0, b""
        self.raw = b""
        self.answers(200, {})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority().issue_cert("127.0.0.1").configure_cert(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def answers(
        self, status: int, body: Any = b"", content_type: str = "application/json", **headers: str
    ) -> None:
        """Answer all requests from now on like this; a body that is no bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Word", f"Content-Type: {content_type}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(content)}", "Connection: close"]
        self.raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + content

    def never_ends(self, begins: bytes, again: bytes, *, pause: float = 0.0) -> None:
        """Answer with what begins so and goes on, with pauses between: far longer than a test waits."""
        self.raw, self._again, self._pause = begins, again, pause

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline()
                self.close_connection = True
                if not self.raw_requestline or not self.parse_request():
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outside.received.append(Received(self.command, self.path, dict(self.headers), body))
                outside.gate.wait()
                try:
                    self.wfile.write(outside.raw)
                    for _ in range(10_000 if outside._again else 0):
                        outside.hung_up.wait(outside._pause)
                        self.wfile.write(outside._again)
                except OSError:
                    outside.hung_up.set()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: `received` tells."""

        return Handler


def unused_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@contextmanager
def full_port() -> Iterator[int]:
    """A port that takes no more connections: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        try:
            yield port
        finally:
            for client in waiting:
                client.close()


@contextmanager
def dribbling_port(begins: bytes) -> Iterator[int]:
    """A port that answers whoever connects with this, and then with a byte at a time."""
    stop = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def dribble() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(begins)
                while not stop.wait(0.02):
                    connection.sendall(b"\x02")

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            stop.set()
            thread.join()
