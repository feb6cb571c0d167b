"""One request and its answer, on a connection of its own.

What makes an error a proof that nothing was sent (P1):

- A new connection for each call. On a connection that was kept alive, the error of a lost
  connection may come after the request.
- No proxy between us and an `http://` address, whatever the environment says: it may have passed the
  request on and answer itself, so that neither its errors nor its statuses prove anything. An
  `https://` address may be reached through the proxy of the environment: that only passes on bytes
  that it can't read, after we have seen the outside system's certificate.
- No request after the host has given up waiting: it may have been made again by then.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any

import httpx

from workflows_app.connectors.http.answer import HttpAnswer, decoded
from workflows_app.sdk.deadlines import seconds_left


class NotSent(Exception):
    """The request was kept back: there is no way to send it, or no time left to wait for it."""


class AnswerTooLarge(Exception):
    """The answer's body is over the limit."""


#: What proves that not a byte of the request left: no connection was made. A time-out or an error
#: while writing is no proof, since the part that left may have been enough.
NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    NotSent,
)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def exchange(
    request: httpx.Request, *, connect_seconds: float, read_seconds: float, limit_bytes: int
) -> HttpAnswer:
    """Send `request` and return the answer. Redirects are not followed.

    Raises httpx.HTTPError, NotSent and AnswerTooLarge.
    """
    with (
        _client(request.url, connect_seconds, read_seconds) as client,
        client.stream(
            request.method,
            request.url,
            headers=request.headers,
            content=request.read(),
            follow_redirects=False,
            extensions={"trace": _refuse_when_late},
        ) as response,
    ):
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > limit_bytes:
                raise AnswerTooLarge(f"the answer has over {limit_bytes:,} bytes")
        return HttpAnswer(response.status_code, decoded(bytes(body), response.encoding or "utf-8"))


def _client(url: httpx.URL, connect_seconds: float, read_seconds: float) -> httpx.Client:
    timeout = httpx.Timeout(read_seconds, connect=_within_the_call(connect_seconds))
    try:
        return httpx.Client(timeout=timeout, verify=_tls(), trust_env=url.scheme == "https")
    except Exception as error:
        # The certificates or the proxy that the environment names are of no use.
        raise NotSent(f"no connection can be made: {type(error).__name__}: {error}") from None


def _within_the_call(connect_seconds: float) -> float:
    """Return a time-out that ends before the host's does: a sure no is better than silence."""
    left = seconds_left()
    return connect_seconds if left is None else min(connect_seconds, max(0.01, left * 0.8))


def _refuse_when_late(event: str, info: dict[str, Any]) -> None:
    """Stop a request whose connection took so long that nobody waits for it any more."""
    if event.endswith("send_request_headers.started") and seconds_left() == 0:
        raise NotSent("connecting took longer than the host waits for the call")
