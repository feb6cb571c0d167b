"""The outside system: a small HTTP server that records every effect and waits where a test says.

A payment passes the points `before` (its effect) and `after` (it, the answer not yet sent), a lookup
passes `lookup`, and the handlers of a workflow pass `prepare`, `mutate` and `next`. Points are named
`account/point`. There is no protection against duplicates: what is sent twice is made twice.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.points import Points

#: In place of an answer: the connection is reset, as by a server that falls over.
RESET: tuple[int, Any] = (0, "reset")


class Effect(NamedTuple):
    """One payment that was made."""

    account: str
    invoice: str
    key: str


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    #: As many as come at once.
    request_queue_size = 100


class Outside(Points):
    """The server and its ledger. Close it at the end."""

    def __init__(self) -> None:
        super().__init__()
        #: What happened, in order.
        self.effects: list[Effect] = []
        #: The accounts of lookups, in order.
        self.lookups: list[str] = []
        #: What payments of an account are answered instead of being made.
        self.refusing: dict[str, int] = {}
        #: The points of handlers that fail, as `account/next`.
        self.failing: set[str] = set()
        #: What lookups of an account are answered instead of the truth.
        self.evading: dict[str, int] = {}
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def paid(self, account: str) -> list[Effect]:
        """Return what happened for `account`."""
        return [effect for effect in self.effects if effect.account == account]

    def close(self) -> None:
        self.release_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _pay(self, account: str, invoice: str, key: str) -> tuple[int, Any] | None:
        if account in self.refusing:
            return self.refusing[account], {"refused": account}
        if not self.passes(f"{account}/before"):
            return None
        self.effects.append(Effect(account, invoice, key))
        number = len(self.paid(account))
        self.passes(f"{account}/after")
        return 201, {"number": number}

    def _look_up(self, account: str, key: str) -> tuple[int, Any] | None:
        self.lookups.append(account)
        if not self.passes(f"{account}/lookup"):
            return None
        if account in self.evading:
            return self.evading[account], {"evaded": account}
        keys = [effect.key for effect in self.paid(account)]
        return (200, {"number": keys.index(key) + 1}) if key in keys else (404, {})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                _, kind, account = self.path.split("/")
                assert kind == "payments"
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    # Whoever sent it was killed in the middle of it.
                    return
                params = json.loads(body)
                key = self.headers["Idempotency-Key"]
                self._answer(outside._pay(account, params["invoice"], key))

            def do_GET(self) -> None:
                _, kind, account, rest = self.path.split("/")
                if f"{account}/{rest}" in outside.failing:
                    self._answer((500, {}))
                elif kind == "gate":
                    self._answer((200, {}) if outside.passes(f"{account}/{rest}") else None)
                else:
                    self._answer(outside._look_up(account, rest))

            def _answer(self, answer: tuple[int, Any] | None) -> None:
                # Whoever asked may be dead.
                with suppress(OSError):
                    if answer is RESET:
                        at_once = struct.pack("ii", 1, 0)
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                        os.close(self.connection.detach())
                    elif answer is not None:
                        body = json.dumps(answer[1]).encode()
                        self.send_response(answer[0])
                        self.send_header("Content-Type", "application/json")
                        self.send_header("Content-Length", str(len(body)))
                        self.end_headers()
                        self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the ledger tells."""

        return Handler
