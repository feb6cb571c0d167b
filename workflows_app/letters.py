"""In which letters a request may come.

Django takes their name from the request, and reads the address in them before any middleware sees it: it
fails on `zlib`, which is a codec and no letters, and on too many parameters. So the server's application is
wrapped: what can't be read is marked, and the guard refuses it.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from email.message import Message
from typing import Any

#: What Django takes a text for if nothing is said.
_READABLE = ("utf-8", "ascii")
#: No codec's name: Django leaves it alone.
_MARK = "application/octet-stream; charset=unreadable"


def is_readable(letters: str) -> bool:
    """Tell whether any text in `letters`, as a request names them, can be read."""
    try:
        return codecs.lookup(letters).name in _READABLE
    except (LookupError, ValueError):
        return False


def readable(application: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a WSGI application: what it could not read is marked for the guard."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        environ["CONTENT_TYPE"] = _checked(environ.get("CONTENT_TYPE", ""))
        return application(environ, start_response)

    return answer


def readable_asgi(application: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap an ASGI application in the same way."""

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = [
            (name, _checked(value.decode("latin-1")).encode("latin-1"))
            if name.lower() == b"content-type"
            else (name, value)
            for name, value in scope.get("headers", [])
        ]
        await application({**scope, "headers": headers}, receive, send)

    return answer


def _checked(content_type: str) -> str:
    message = Message()
    message["Content-Type"] = " ".join(content_type.split())
    letters = message.get_param("charset")
    if letters is None:
        return content_type
    if not is_readable(str(letters)):
        return _MARK
    message.del_param("charset")
    return str(message["Content-Type"])
