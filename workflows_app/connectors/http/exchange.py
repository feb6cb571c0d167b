"""One request and its answer, on a connection of its own.

What makes an error a proof that nothing was sent (P1): it came before the first byte of the request was
handed to a connection that is ours alone. For that,

- each call has a new connection. On one that was kept alive, the error of a lost connection may come
  after the request.
- there is no proxy between us and an `http://` address, whatever the environment says: it may have
  passed the request on and answer itself, so that neither its errors nor its statuses prove anything.
  An `https://` address may be reached through the proxy of the environment: that only passes on bytes
  that it can't read, after we have seen the outside system's certificate.
- no request leaves after the host has given up waiting: it may have been made again by then.

All that comes later, a time-out or an error while writing included, is no proof: the part that left may
have been enough.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from workflows_app.connectors.http.answer import HttpAnswer, decoded, unpacked
from workflows_app.connectors.http.network import CallBudget, NotSent, TimedNetwork
from workflows_app.sdk.deadlines import seconds_left

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]+)", re.IGNORECASE)

#: What may come in for each byte of a body, if each is a chunk of its own, and for heads and trailers.
_FRAMING, _HEADS_BYTES = 6, 300_000


class NoAnswer(Exception):
    """The request left, at least in part, and no whole answer came. Says what came."""


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def exchange(
    request: httpx.Request, *, connect_seconds: float, read_seconds: float, limit_bytes: int
) -> HttpAnswer:
    """Send `request` and return the answer. Redirects are not followed, and no cookies are kept.

    Connecting ends after `connect_seconds`, the request and its answer after another `read_seconds`,
    and both when the host waits no longer; then the connection is closed. However much the outside
    system sends, little more than `limit_bytes` is kept of it.

    Raises NotSent and NoAnswer.
    """
    budget = CallBudget(
        connect_seconds=_within_the_call(connect_seconds),
        read_seconds=read_seconds,
        received_bytes=_FRAMING * limit_bytes + _HEADS_BYTES,
    )
    status = 0
    try:
        with (
            _library_says_nothing(),
            _pool(request.url, budget) as pool,
            _answered(pool, request) as response,
        ):
            status = response.status
            headers = httpx.Headers(response.headers)
            coding = headers.get("content-encoding", "")
            body = unpacked(response.iter_stream(), coding, limit_bytes=limit_bytes)
            charset = _CHARSET.search(headers.get("content-type", ""))
            return HttpAnswer(status, decoded(body, charset[1] if charset else "utf-8"))
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        if not budget.has_begun:
            raise NotSent(told) from None
        raise NoAnswer(f"{told} (it answered {status})" if status else told) from None


@contextmanager
def _answered(pool: httpcore.ConnectionPool, request: httpx.Request) -> Iterator[httpcore.Response]:
    url = request.url
    response = pool.handle_request(
        httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.read(),
        )
    )
    try:
        yield response
    finally:
        response.close()


def _pool(url: httpx.URL, budget: CallBudget) -> httpcore.ConnectionPool:
    try:
        return httpcore.ConnectionPool(
            ssl_context=_tls(),
            proxy=_proxy(url),
            max_keepalive_connections=0,
            network_backend=TimedNetwork(budget, needs_tls=url.scheme == "https"),
        )
    except Exception as error:
        # The certificates or the proxy that the environment names are of no use.
        raise NotSent(f"no connection can be made: {type(error).__name__}: {error}") from None


def _proxy(url: httpx.URL) -> httpcore.Proxy | None:
    proxies = getproxies()
    address = proxies.get("https") or proxies.get("all")
    is_direct = url.scheme != "https" or proxy_bypass(url.host) or proxy_bypass(url.netloc.decode())
    if is_direct or not address:
        return None
    proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    if proxy.url.scheme == "https":
        # The library's TLS within TLS starts its time-out anew with each byte.
        raise ValueError("a proxy must be named by http://: over https:// no time-out is kept")
    target = httpcore.URL(
        scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=b"/"
    )
    return httpcore.Proxy(target, auth=proxy.raw_auth, headers=proxy.headers.raw)


def _within_the_call(connect_seconds: float) -> float:
    """Return a time-out that ends before the host's does: a sure no is better than silence."""
    left = seconds_left()
    return connect_seconds if left is None else min(connect_seconds, max(0.01, left * 0.8))


_is_calling: ContextVar[bool] = ContextVar("workflows_http_is_calling", default=False)


@contextmanager
def _library_says_nothing() -> Iterator[None]:
    """Keep the library's debug log quiet: it shows headers, in which a secret may come back."""
    token = _is_calling.set(True)
    try:
        yield
    finally:
        _is_calling.reset(token)


def _is_of_others(record: logging.LogRecord) -> bool:
    return not _is_calling.get()


for _name in ("connection", "http11", "proxy", "socks"):
    logging.getLogger(f"httpcore.{_name}").addFilter(_is_of_others)
