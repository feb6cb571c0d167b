"""In which letters a request may come: as a server hands it to the project's applications."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

import pytest
from django.test import AsyncRequestFactory, Client, RequestFactory

from config import asgi, wsgi
from workflows_app.letters import readable

#: A request looks after the connections that an earlier test of this process has left open.
pytestmark = pytest.mark.django_db


def over_wsgi(**environ: str) -> tuple[str, bytes]:
    """Return what a server gets of the project's WSGI application."""
    began: list[str] = []
    request = RequestFactory()._base_environ(**{"PATH_INFO": "/nothing", **environ})
    with closing(wsgi.application(request, lambda status, headers: began.append(status))) as body:
        return began[0], b"".join(body)


async def over_asgi(
    content_type: str, path: str = "/nothing", query: str = "a=1"
) -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []
    scope = AsyncRequestFactory()._base_scope(path=path, query_string=query)
    scope["headers"] = [(b"host", b"testserver"), (b"content-type", content_type.encode())]

    body = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        # Then it waits for the end, which does not come.
        return next(body, None) or await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await asgi.application(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


NO_LETTERS = b"The request is in letters that this server does not read. Send it as UTF-8.\n"


@pytest.mark.parametrize(
    "letters", ["zlib", "hex", "idna", "undefined", "utf-16", "latin1", "nobody-knows-these"]
)
def test_what_is_sent_in_letters_that_are_none_is_refused(client: Client, letters: str) -> None:
    """Also where Django would fail before it asks any middleware."""
    for media in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "x/y"):
        content_type = f"{media}; charset={letters}"
        assert client.get("/admin/login/", CONTENT_TYPE=content_type).content == NO_LETTERS
        asked = {"CONTENT_TYPE": content_type, "QUERY_STRING": "a=1"}
        for method in ("GET", "POST"):
            assert over_wsgi(REQUEST_METHOD=method, **asked) == ("400 Bad Request", NO_LETTERS)
        assert asyncio.run(over_asgi(content_type)) == (400, NO_LETTERS)


def test_letters_that_can_be_read_are() -> None:
    for content_type in (
        "",
        "x/y",
        "x/y; charset=utf-8",
        "x/y; charset=us-ascii",
        'x/y; charset="UTF8"; a=b',
    ):
        asked = {"CONTENT_TYPE": content_type, "QUERY_STRING": "a=1"}
        assert over_wsgi(REQUEST_METHOD="GET", **asked)[0] == "404 Not Found"
        assert asyncio.run(over_asgi(content_type))[0] == 404
        many = {"CONTENT_TYPE": content_type, "QUERY_STRING": "a=1&" * 2000}
        assert (
            over_wsgi(REQUEST_METHOD="GET", PATH_INFO="/admin/login/", **many)[0]
            == "400 Bad Request"
        )
        told = asyncio.run(over_asgi(content_type, "/admin/login/", many["QUERY_STRING"]))
        assert told[0] == 400


@pytest.mark.parametrize(
    "media", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
def test_a_form_in_utf_8_is_read_as_before(media: str) -> None:
    seen: list[str] = []
    answer = readable(lambda environ, _: seen.append(environ["CONTENT_TYPE"]))

    answer({"CONTENT_TYPE": f"{media}; charset=utf-8"}, None)
    answer({"CONTENT_TYPE": media}, None)

    assert seen[0].replace('"', "") == seen[1] == media
