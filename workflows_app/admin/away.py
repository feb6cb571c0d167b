"""The page that stands in for all others while the database is away, or if it was stopped at one.

It needs no database: no session, no person. Whoever sent something is told the truth: if the answer
to COMMIT was lost, nobody knows whether it was saved. So it is to be looked up, and the page never sends
it again by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions import middleware as sessions
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from workflows_app.outages import outage_of, watch

RETRY_SECONDS = 10
_READING = ("GET", "HEAD")
#: Where the theme's dialogs put what they get.
_IN_DIALOG = ("modal-content", "dialog-form")


class DatabaseAwayMiddleware:
    """Answers 503 with that page; errors that are no outage are left to others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if response.status_code != 503 and connection.connection is not None:
            watch.back()
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return page_for(request, error)


class SessionMiddleware(sessions.SessionMiddleware):
    """Django's, which saves the session after the page is made, and calls what fails a bad request."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            return super().process_response(request, response)
        except (Error, SessionInterrupted) as error:
            behind: BaseException | None = error
            while behind is not None and not watch.saw(behind):
                behind = behind.__context__
            outage = outage_of(behind) if behind is not None else None
            if outage is None:
                raise
            return _page(request, _(outage.value))


def page_for(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """Return the page if `error` means that the database is away."""
    outage = outage_of(error)
    if outage is None:
        return None
    watch.saw(error)
    return _page(request, _(outage.value))


def too_long_page(request: HttpRequest, seconds: float) -> HttpResponse:
    """Return the page for a person whose question the database did not answer in time."""
    return _page(request, _("This takes the database too long."), took_seconds=seconds)


def _page(request: HttpRequest, title: str, *, took_seconds: float | None = None) -> HttpResponse:
    # Who it is would have to be looked up.
    request.user = AnonymousUser()
    in_dialog = request.headers.get("HX-Target") in _IN_DIALOG
    context = {
        **admin.site.each_context(request),
        # Nothing to return to.
        "site_url": "",
        "title": title,
        "back": _page_of(request),
        "is_reading": request.method in _READING,
        "retry_seconds": RETRY_SECONDS,
        "took_seconds": took_seconds,
    }
    template = "database_away_dialog" if in_dialog else "database_away"
    response = render(request, f"workflows_app/{template}.html", context, status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    response["Cache-Control"] = "no-store"
    if in_dialog:
        # In place of all of the dialog, so that its button is gone.
        response["HX-Retarget"], response["HX-Reselect"] = "#modal-content", "#dialog"
        response["HX-Reswap"] = "innerHTML"
    return response


def _page_of(request: HttpRequest) -> str:
    """Return where to look: the page asked for, or the one from which something was sent."""
    if request.method in _READING and "HX-Request" not in request.headers:
        return request.get_full_path()
    came_from = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(came_from, request.get_host()):
        address = urlsplit(came_from)
        return address._replace(scheme="", netloc="", fragment="").geturl()
    return request.path
