"""A list as CSV: all rows that its filters and its search leave, and not only those of the page.

The rows are read by their keys, a thousand at a time, while the answer is sent: it takes the memory of one
thousand rows and holds no transaction open for a slow reader. Text that a spreadsheet would take for a formula is
made text, and what could mislead an eye is a visible mark. Who took what, and how much, is in the log.
"""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import JSONField, QuerySet
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from workflows_app.admin.finding import FoundByWords, want_all
from workflows_app.admin.parameters import NamedParameters, WrongValue
from workflows_app.admin.seeing import masked_names
from workflows_app.masking import Names, shown
from workflows_app.queries.search import NoTerm, Term, hit_of, term_of
from workflows_app.visible import marked

logger = logging.getLogger("workflows_app")

PERMISSION = "workflows_app.export"
_AT_ONCE = 1_000
#: By which a spreadsheet knows a formula; a quote before them makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")


class ExportedList(NamedParameters):
    """A list with an export of what it shows, for people with `export`."""

    #: The columns: their headings, and what they have of a row, as `handler.name`.
    exported: Mapping[str, str] = {}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        own: list[URLPattern] = super().get_urls()
        return [path("export/", view, name=name), *own]

    def export_address(self, request: HttpRequest) -> str:
        """Return where what the list shows is exported, or nothing if the person may not."""
        if not request.user.has_perm(PERMISSION):
            return ""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_export"
        query = urlencode([(key, value) for key, value in request.GET.items() if key != "p"])
        address = reverse(name, current_app=self.admin_site.name)
        return f"{address}?{query}" if query else address

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Send the list as CSV. Raises PermissionDenied; leads back to the list from a wrong address."""
        if not self.has_view_permission(request) or not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        problem = self.problem_of(request)
        try:
            want_all(request)
            rows = None if problem else self.get_changelist_instance(request).queryset
        except WrongValue as wrong:
            problem, rows = str(wrong), None
        if rows is None:
            messages.error(request, " ".join((problem, _("Nothing was exported."))))
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
            return HttpResponseRedirect(reverse(name, current_app=self.admin_site.name))
        name = f"{self.opts.model_name}s-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
        return StreamingHttpResponse(
            self._lines(request, rows, masked_names()),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            },
        )

    def _lines(self, request: HttpRequest, rows: QuerySet[Any], names: Names) -> Iterator[str]:
        """Yield the lines, and write down at the end how many there were."""
        told = (request.user.get_username(), self.opts.model_name, urlencode(request.GET) or "-")
        logger.info("export.began user=%s list=%s query=%s masked=%s", *told, bool(names))
        number, is_complete = 0, False
        typed = request.GET.get("q", "").strip()
        try:
            yield _line([*self.exported])
            try:
                is_by_words = isinstance(self, FoundByWords)
                term = term_of(typed) if typed and names and is_by_words else None
            except NoTerm:
                term = None
            for row in _newest_first(rows):
                if _is_found_by_what_is_masked(row, term, names):
                    continue
                seen = shown(row, names)
                yield _line([_value(seen, path) for path in self.exported.values()])
                number += 1
            is_complete = True
        finally:
            ended = "done" if is_complete else "broken off"
            logger.info("export.ended user=%s list=%s query=%s rows=%s %s", *told, number, ended)


def _value(row: Any, path: str) -> Any:
    """Return what stands at the end of `path`, JSON as its text; nothing if something on the way is missing."""
    *relations, last = path.split(".")
    for name in relations:
        row = getattr(row, name)
        if row is None:
            return None
    value = getattr(row, last)
    is_json = any(isinstance(field, JSONField) and field.name == last for field in row._meta.fields)
    return json.dumps(value, ensure_ascii=False) if is_json and value is not None else value


def _is_found_by_what_is_masked(row: Any, term: Term | None, names: Names) -> bool:
    if term is None or not names:
        return False
    return hit_of(row, term, names) is None


def _newest_first(rows: QuerySet[Any]) -> Iterator[Any]:
    ordered = rows.order_by("-pk")
    page = list(ordered[:_AT_ONCE])
    while page:
        yield from page
        page = list(ordered.filter(pk__lt=page[-1].pk)[:_AT_ONCE]) if len(page) == _AT_ONCE else []


def _line(values: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_cell(value) for value in values])
    return line.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    text = marked(str(value).replace("\r\n", "\n"))
    return f"'{text}" if text.startswith(_FORMULA) else text
