"""What stands before every page: who asks for too much, or for what can't be, is refused at once.

A refusal is one line in the log, with the person and the address, and never an alert: anybody can cause it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import SuspiciousOperation
from django.core.paginator import InvalidPage
from django.db import Error
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from workflows_app.admin.away import too_long_page
from workflows_app.admin.seeing import seen_by
from workflows_app.conf import policy
from workflows_app.letters import is_readable
from workflows_app.origin import Origin, coming_from
from workflows_app.outages import sqlstate_of
from workflows_app.statement_limits import STOPPED, statements_limited

logger = logging.getLogger("workflows_app")

#: What a line in the log stands for.
REFUSED = (400, 403, 405, 413, 415, 429)
RETRY_SECONDS = 5
_SHOWN_LENGTH = 200
_ADDRESS_LENGTH = 64
#: As gunicorn has it. Python makes no number of more than 4,300 digits.
_QUERY_LENGTH = 4_094


class GuardMiddleware:
    """Put it before all others, but for those that answer health checks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._answer(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if response.status_code in REFUSED:
            _log("web.refused", request, status=response.status_code)
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            return _refusal(_("There is no such page."), 404)
        problem = _problem(request)
        if problem:
            return _refusal(problem)
        if _is_file(request):
            # A page has many, and each is there at once.
            return self._get_response(request)
        with ExitStack() as until_answered:
            if not until_answered.enter_context(places.taken()):
                return _busy(request)
            seconds = policy().web_statement_seconds
            from_here = coming_from(lambda: _origin_of(request))
            with from_here, seen_by(request), statements_limited(seconds):
                response = self._get_response(request)
            if response.streaming:
                # A list as CSV takes its thread until it is read.
                vars(response)["_resource_closers"].append(until_answered.pop_all().close)
            return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, InvalidPage):
            # The theme's search hands its page number on unread.
            return _refusal(_("There is no such page."), 404)
        if isinstance(error, SuspiciousOperation):
            return _refusal(_("This page does not take what it was sent, or asked for."))
        if isinstance(error, Error) and sqlstate_of(error) == STOPPED:
            seconds = policy().web_statement_seconds
            _log("web.too_long", request, seconds=f"{seconds:g}")
            return too_long_page(request, seconds)
        return None


class Places:
    """How many pages are under way in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0

    @property
    def are_taken(self) -> bool:
        most = policy().pages_at_once
        return 0 < most <= self._number

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Take a place for the block, and tell whether there was one."""
        with self._lock:
            is_free = not self.are_taken
            self._number += is_free
        try:
            yield is_free
        finally:
            with self._lock:
                self._number -= is_free


places = Places()

#: The pages use none of what a browser could give them.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "serial",
        "usb",
    )
)


def address_of(request: HttpRequest) -> str:
    """Return the address of who asks: what the outermost of our own proxies saw."""
    proxies = policy().proxies_in_front
    passed_on = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    address = request.META.get("REMOTE_ADDR")
    if proxies and len(passed_on) >= proxies:
        address = passed_on[-proxies]
    return _shown(address or "-")[:_ADDRESS_LENGTH]


def _origin_of(request: HttpRequest) -> Origin:
    session = getattr(request, "session", None)
    key = session.session_key if session is not None else None
    digest = (
        salted_hmac("workflows_app.session", key, algorithm="sha256").hexdigest() if key else ""
    )
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Origin(address_of(request), digest)
    return Origin(address_of(request), digest, user.pk, str(user))


def _problem(request: HttpRequest) -> str:
    """Say what no page could read."""
    query = request.META.get("QUERY_STRING", "")
    if b"\0" in unquote_to_bytes(query):
        return _("An address must not contain NUL characters.")
    if len(query) > _QUERY_LENGTH or len(request.path_info) > _QUERY_LENGTH:
        most = {"number": f"{_QUERY_LENGTH:,}"}
        return _("An address must not have more than %(number)s characters.") % most
    charset = (request.content_params or {}).get("charset")
    if charset is not None and not is_readable(charset):
        return _("The request is in letters that this server does not read. Send it as UTF-8.")
    return ""


def _refusal(sentence: str, status: int = 400) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", "text/plain; charset=utf-8", status)


def _busy(request: HttpRequest) -> HttpResponse:
    answer = _refusal(_("All places for pages are taken. Try again in a moment."), 503)
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    if request.method == "GET":
        # The browser does.
        answer.headers["Refresh"] = str(RETRY_SECONDS)
    return answer


def _is_file(request: HttpRequest) -> bool:
    prefix = urlsplit(settings.STATIC_URL or "").path
    return len(prefix) > 1 and request.path.startswith(prefix)


def log_refusal(request: HttpRequest, code: str) -> None:
    """Write the line for a decision that was refused: its page is answered as any other."""
    _log("web.refused", request, code=code)


@receiver(user_login_failed, dispatch_uid="workflows_app.guard")
def _login_failed(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    if request is not None:
        name = str(credentials.get(get_user_model().USERNAME_FIELD) or "-")
        _log("web.login_failed", request, name=_shown(name))


def _log(event: str, request: HttpRequest, **facts: object) -> None:
    told = " ".join(f"{name}={value}" for name, value in facts.items())
    logger.warning(
        "%s %s user=%s address=%s method=%s path=%s",
        event,
        told,
        _shown(_user(request)),
        _shown(address_of(request)),
        _shown(request.method or "-"),
        _shown(request.path_info),
    )


def _user(request: HttpRequest) -> str:
    try:
        user = getattr(request, "user", None)
        return user.get_username() or "-" if user is not None else "-"
    except Error:
        # Nobody can be looked up while the database is away.
        return "-"


def _shown(text: str) -> str:
    """Return `text` as one word of a line."""
    cut = text[:_SHOWN_LENGTH]
    return "".join(letter if letter.isprintable() and letter != " " else "?" for letter in cut)
