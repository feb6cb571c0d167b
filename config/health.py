"""Whether this process can serve: it can if the database answers."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

from workflows_app.outages import watch


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 "ok", or 503 while the database does not answer."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        watch.saw(error)
        return HttpResponse("The database does not answer.\n", "text/plain", 503)
    return HttpResponse("ok\n", "text/plain")
