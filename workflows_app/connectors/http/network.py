"""A network on which a call ends, whatever the other side does (P8).

The HTTP library's own time-outs are for each read and each write: whoever sends a byte a second, or
"100 Continue" for ever, never meets them. Here each step gets what is left of the whole: looking the
host up and connecting to all its addresses, the proxy, the handshake, then the request and its answer.
Only a look-up of the host's name can't be cut short: it takes what the system's resolver allows. And
whoever sends much that is no answer is not listened to until then.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from workflows_app.sdk.deadlines import machine_seconds, seconds_left

#: The most that is written in one step, which the other side may take in little by little.
_PIECE_BYTES = 16_384


class NotSent(Exception):
    """Nothing of the request left, and nothing will. Says why."""


class AnswerTooLarge(Exception):
    """The answer, or what comes in its place, is over the limit."""


class CallBudget:
    """What the part of a call that is under way may still take, and which part that is.

    First the connection is made, within `connect_seconds`; then the request leaves and its answer comes,
    within `read_seconds`. Both end a moment before the host gives up, and all that comes in has at most
    `received_bytes`.
    """

    def __init__(self, *, connect_seconds: float, read_seconds: float, received_bytes: int) -> None:
        #: Something of the request may have left.
        self.has_begun = False
        self._read_seconds = read_seconds
        self._most_bytes = self._bytes_left = received_bytes
        self._give_time(connect_seconds)

    def begin(self) -> None:
        """Note that the request leaves now. Raises NotSent if nobody waits for it any more."""
        if self.has_begun:
            return
        if seconds_left() == 0:
            raise NotSent("connecting took longer than the host waits for the call")
        self._give_time(self._read_seconds)
        self.has_begun = True

    def seconds(self, error: type[Exception]) -> float:
        """Return the seconds that are left. Raises `error` if there are none."""
        left = self._ends_at - machine_seconds()
        if left <= 0:
            raise error("timed out")
        return left

    def receive(self, data: bytes) -> bytes:
        """Return `data`, which came in. Raises AnswerTooLarge if that is too much."""
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise AnswerTooLarge(f"over {self._most_bytes:,} bytes came in place of an answer")
        return data

    def _give_time(self, seconds: float) -> None:
        left = seconds_left()
        if left is not None:
            # What is told before the host gives up is evidence of the call, not a late answer.
            seconds = min(seconds, left - min(1.0, left / 10))
        self._ends_at = machine_seconds() + seconds


class TimedNetwork(httpcore.NetworkBackend):
    """Connects within `budget`, and hands out streams that keep to it.

    `needs_tls`: the request goes over TLS only. What is written before is for a proxy.
    """

    def __init__(self, budget: CallBudget, *, needs_tls: bool) -> None:
        self._budget = budget
        self._needs_tls = needs_tls
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _addresses(host, port)
        for tried, address in enumerate(addresses, start=1):
            # One address that swallows everything leaves time for the others.
            share = self._budget.seconds(httpcore.ConnectTimeout) / (len(addresses) - tried + 1)
            try:
                stream = self._network.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if tried == len(addresses):
                    raise
            else:
                return TimedStream(stream, self._budget, is_for_request=not self._needs_tls)
        raise httpcore.ConnectError(f"{host} has no address")


class TimedStream(httpcore.NetworkStream):
    """A connection whose reads, writes and handshakes keep to `budget`."""

    def __init__(
        self, stream: httpcore.NetworkStream, budget: CallBudget, *, is_for_request: bool
    ) -> None:
        self._stream = stream
        self._budget = budget
        self._is_for_request = is_for_request

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._budget.seconds(httpcore.ReadTimeout)
        return self._budget.receive(self._stream.read(max_bytes, left))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._is_for_request:
            self._budget.begin()
        for start in range(0, len(buffer), _PIECE_BYTES):
            piece = buffer[start : start + _PIECE_BYTES]
            self._stream.write(piece, self._budget.seconds(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._budget.seconds(httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return TimedStream(stream, self._budget, is_for_request=True)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
