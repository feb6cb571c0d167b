"""The headers of a request: who sets which, and what can be sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from workflows_app.secrets import MIN_LENGTH, Secret

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: Headers that say how the message is sent. A second opinion on that can make two messages of one.
_OURS = {
    "accept-encoding",
    "connection",
    "content-length",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
#: What is sent with each request, unless an author says otherwise.
DEFAULTS = {"Accept": "*/*", "User-Agent": "workflow-operations"}
#: A body is wanted as it is: what is packed small may be huge.
ALWAYS = {"Accept-Encoding": "identity", "Connection": "close"}
#: Names of headers whose values are no one else's business, also where no `Secret` is used.
_SECRET = re.compile(r"auth|cookie|credential|key|passw|secret|signature|token", re.IGNORECASE)


def require_own(headers: Mapping[str, object], key_header: str) -> None:
    """Check that an author's `headers` leave alone what the host sets. Raises ValueError."""
    seen: set[str] = set()
    for name in headers:
        lower = str(name).lower()
        if key_header and lower == key_header.lower():
            raise ValueError(
                f"header {name} is the host's, which sends the idempotency key in it: leave it"
                f" out, or name another header in idempotency_header"
            )
        if lower in _OURS:
            raise ValueError(f"header {name} is set by the connector: leave it out")
        if lower in seen:
            raise ValueError(f"header {name} is there twice")
        seen.add(lower)


def filled_headers(headers: Mapping[str, str | Secret]) -> dict[str, str]:
    """Return the headers with the values of secrets. Raises ValueError if they can't be sent."""
    filled = {
        name: value.filled() if isinstance(value, Secret) else value
        for name, value in headers.items()
    }
    for name, value in filled.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"header {name!r} has a name that can't be sent")
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise ValueError(f"header {name} has characters that can't be sent")
    return filled


def plain_secrets(headers: Mapping[str, str | Secret]) -> Iterator[str]:
    """Yield the values of headers that an author wrote out, and that are secrets by their names.

    Raises nothing, whatever the headers are: it is asked after something went wrong.
    """
    for name, value in dict(headers or {}).items():
        if isinstance(value, str) and _SECRET.search(str(name)):
            # "Bearer abc" may come back without its first word, and a cookie without its name.
            parts = {value, value.partition(" ")[2]}
            parts |= {part.partition("=")[2].strip('"') for part in re.split(r"[;,]\s*", value)}
            yield from (part for part in parts if len(part) >= MIN_LENGTH)
