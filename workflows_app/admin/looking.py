"""The page of a blocked run lets the outside system be asked, once it is open, and shows the answer in its place.

A script of the page sends for it, so that nobody waits for the page itself, and a page that is only fetched asks
nothing. It is no decision: nothing changes but that the answer is in the ledger, with the person's name.

Each question holds a thread while the outside system is silent. So a process asks about a run for one person at a time,
and about few runs at once: the others are left to the dialog of a decision, which asks too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path

from workflows_app.admin.base import address_of
from workflows_app.admin.buttons import ButtonsAdmin
from workflows_app.operations.asking import is_asked_for, look

#: Of the 12 threads of a process most are left for pages.
AT_ONCE = 3


class UnderWay:
    """The runs about which this process asks now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: set[int] = set()

    @contextmanager
    def one(self, run: int) -> Iterator[bool]:
        """Ask about `run` in the block, if it yields that there is a place."""
        with self._lock:
            is_free = run not in self._runs and len(self._runs) < AT_ONCE
            if is_free:
                self._runs.add(run)
        try:
            yield is_free
        finally:
            if is_free:
                with self._lock:
                    self._runs.remove(run)


under_way = UnderWay()


class LooksOutside(ButtonsAdmin):
    """The page of a run, which has `<its address>/look/` to send to."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.look_view)
        own: list[URLPattern] = super().get_urls()
        return [path("<path:object_id>/look/", view, name="workflows_app_run_look"), *own]

    def look_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the outside system be asked, if it is time, and lead to the page. POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        run = self.get_object(request, unquote(object_id))
        if run is None or not self.has_view_permission(request, run):
            raise PermissionDenied
        with under_way.one(run.pk) as is_free:
            # Not led to the page: made by a process whose clock is ahead, it would ask again at once.
            if not is_free or not is_asked_for(run, request.user):
                return HttpResponse(status=204)
            look(run, actor=request.user)
        return HttpResponseRedirect(address_of(run))
