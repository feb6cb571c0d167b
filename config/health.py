"""Whether this process can serve: it can if the database answers."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

from workflows_app.outages import watch

PATH = "/healthz"


class HealthMiddleware:
    """Answers `/healthz` for any Host header: the probes of a cluster name a machine by its address.

    It comes before whatever looks at that header, and needs neither a session nor a person.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return healthz(request) if request.path_info == PATH else self._get_response(request)


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 "ok", or 503 while the database does not answer."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        watch.saw(error)
        return HttpResponse("The database does not answer.\n", "text/plain", 503)
    watch.back()
    return HttpResponse("ok\n", "text/plain")
