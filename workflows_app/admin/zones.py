"""The time zone of whoever reads a page: the browser tells its name in a cookie, and pages are made in it."""

from __future__ import annotations

from contextlib import ExitStack
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils import timezone

#: Set by `pages.js`.
COOKIE = "workflows_zone"
_LENGTH = 60


def zone_of(request: HttpRequest) -> ZoneInfo | None:
    """Return the zone that the browser tells, if it is one; the project's own counts otherwise."""
    name = request.COOKIES.get(COOKIE, "")
    if not 0 < len(name) <= _LENGTH:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # No such zone, or no name that a zone can have.
        return None


def be_in_zone_of(request: HttpRequest, until: ExitStack) -> None:
    """Be in the zone of the reader, if the browser tells it, `until` the answer is made."""
    zone = zone_of(request)
    if zone is not None:
        until.enter_context(timezone.override(zone))
