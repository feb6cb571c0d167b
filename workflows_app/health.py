"""Whether this process lives, and whether it can serve: what is wrong is told in a sentence."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse

from workflows_app.admin.guard import places
from workflows_app.outages import NOT_ALLOWED, Outage, outage_of, sqlstate_of, watch


class HealthMiddleware:
    """Answers `/healthz` and `/readyz` for any Host header: the probes of a cluster name a machine by its
    address.

    It comes before all others: it needs neither a session nor a person, nor a free place for pages.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match request.path_info:
            case "/healthz":
                return healthz(request)
            case "/readyz":
                return readyz(request)
        return self._get_response(request)


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 "ok", or 503 and why this process can't reach its database."""
    return _answer(healthy())


def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 "ok", or 503 and why pages can't be served here now."""
    return _answer(healthy() or ready())


def _answer(problem: str) -> HttpResponse:
    response = HttpResponse(f"{problem or 'ok'}\n", "text/plain; charset=utf-8")
    response.status_code = 503 if problem else 200
    response.headers["Cache-Control"] = "no-store"
    return response


def healthy() -> str:
    """Return why the database does not answer this process, if it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return _told(error)
    watch.back()
    return ""


def _told(error: DatabaseError) -> str:
    watch.saw(error)
    if sqlstate_of(error) == NOT_ALLOWED:
        return "This role of the database lacks a privilege: its owner runs `manage.py grant_role NAME`."
    return (outage_of(error) or Outage.UNREACHABLE).value


def ready() -> str:
    """Return why pages can't be served here now, though the database answers."""
    if places.are_taken:
        return "All places for pages are taken (WORKFLOWS['pages_at_once'])."
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('transaction_read_only')::bool")
            if cursor.fetchone()[0]:
                return Outage.READ_ONLY.value
        if not migrations.are_applied():
            return "The database is not migrated to this version: run `manage.py migrate`."
    except DatabaseError as error:
        return _told(error)
    return ""


class Migrations:
    """Those of this process's code. Looks until all are applied, and then no more."""

    def __init__(self) -> None:
        self._were_applied = False

    def are_applied(self) -> bool:
        """Tell whether the database is migrated to this code."""
        if not self._were_applied:
            executor = MigrationExecutor(connection)
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
            self._were_applied = not plan
        return self._were_applied


migrations = Migrations()
