"""Pages that only show. Nothing can be added, changed or deleted here, not even by superusers.

What changes, changes by a button that calls an operation (`buttons`), so the ledger is never
edited, and every change has its person and reason (P4).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache, wraps
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.views import ChangeList

from workflows_app.admin.date_filters import AgeFilter, TimeFilter
from workflows_app.admin.export import ExportedList
from workflows_app.admin.paging import CappedPaginator, PagedChangeList
from workflows_app.admin.saved_filters import SavedFilters
from workflows_app.admin.seeing import all_that_may_be_seen, may_see, shown
from workflows_app.admin.visible import row_for_page, visible

#: The most characters of a row's name above its page.
_NAME_LENGTH = 200
#: The site whose page is being made: its links lead to the same site.
_site: ContextVar[str] = ContextVar("workflows_admin_site", default="admin")


class ReadOnlyAdmin(ExportedList, SavedFilters):
    """A list and a page per row. Needs Django's view permission of the model.

    Each list has filters that people save, and an export. One with `dated_by` has filters by age and time, and
    years, months and days: what has none is as long as the code that declares it, and fits a page or two.
    """

    class Media:
        css = {"all": ["workflows_app/admin.css", "workflows_app/pages.css"]}
        js = ["workflows_app/dialog.js", "workflows_app/pages.js"]

    actions: Any = None
    change_form_template = "workflows_app/page.html"
    change_list_template = "workflows_app/list.html"
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    paginator = CappedPaginator
    #: Sorting 100,000 rows by another column than an indexed one takes its time.
    sortable_by: Sequence[str] = ()
    #: What an empty list says that nothing was asked of.
    when_empty = gettext_lazy("There is nothing here yet.")
    #: Which fields of the page are left out while a field of the row is empty.
    hidden_while_empty: Mapping[str, str] = {}

    @property
    def urls(self) -> list[URLPattern]:
        patterns: list[URLPattern] = super().urls
        for pattern in patterns:
            pattern.callback = self._on_this_site(pattern.callback)
        return patterns

    def _on_this_site(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def on_site(*args: Any, **kwargs: Any) -> HttpResponse:
            _site.set(self.admin_site.name)
            return view(*args, **kwargs)

        return on_site

    @display(description=gettext_lazy("created"), ordering="pk")
    def created(self, row: Any) -> datetime:
        """Return when a row was made, as a column: rows are numbered in that order."""
        made: datetime = row.created_at
        return made

    @property
    def list_filter_submit(self) -> bool:
        """Tell whether the filters have something to type."""
        return bool(self.dated_by)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Return the filters of the list, and after the first those by its dates."""
        own = list(super().get_list_filter(request))
        dated = [AgeFilter, (self.dated_by, TimeFilter)] if self.dated_by else []
        return [*own[:1], *dated, *own[1:]]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PagedChangeList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the row as the person may see it. Nothing here saves it."""
        row = super().get_object(request, object_id, from_field)
        return None if row is None else shown(row)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.get_fields(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Return the fields that say something about `obj`."""
        return [
            _asking_first(self.model, name)
            for name in super().get_fields(request, obj)
            if name not in self.hidden_while_empty
            or getattr(obj, self.hidden_while_empty[name], None) not in (None, "")
        ]

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what the template above the fields shows as `page`."""
        return {}

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        obj: Any = None,
        **kwargs: Any,
    ) -> HttpResponse:
        context["may_see"] = all_that_may_be_seen()
        # The name of the row, above its page.
        context["subtitle"] = visible(context.get("subtitle") or "", _NAME_LENGTH)
        if obj is not None:
            context["page"] = self.page_context(request, obj)
            # What the theme shows by itself: the name in the heading, and fields.
            context["adminform"].form.instance = context["original"] = row_for_page(obj)
        # Of a row without a history of its own, Django's would list nothing.
        history = getattr(self.model, "history", None)
        context["show_history"] = history is not None and may_see(history.model)
        answer: HttpResponse = super().render_change_form(
            request, context, *args, obj=obj, **kwargs
        )
        return answer

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def link_to(row: Model | None, text: str | None = None) -> SafeString | str:
    """Return a link to the page of `row`, a dash if there is none, or its number if it may not be seen."""
    if row is None:
        return "–"
    if not may_see(type(row)):
        return f"{row._meta.verbose_name} {row.pk}"
    return format_html(
        '<a class="ops-link" href="{}">{}</a>', address_of(row), visible(text or shown(row))
    )


@cache
def _asking_first(model: type[Model], name: str) -> Any:
    """Return a field as the page shows it: Django's own link to another row asks for no permission there."""
    field = next((each for each in model._meta.concrete_fields if each.name == name), None)
    if field is None or not field.is_relation:
        return name

    def linked(row: Any) -> SafeString | str:
        other = getattr(row, name)
        # People are told by their names, as in lists and in history. A project need not have pages of them.
        return visible(other) if isinstance(other, get_user_model()) else link_to(other)

    linked.__name__ = name
    return display(description=field.verbose_name)(linked)


@contextmanager
def on_site(request: HttpRequest) -> Iterator[None]:
    """Let links in the block lead to the site that `request` came to."""
    match = request.resolver_match
    token = _site.set((match.namespace if match else "") or "admin")
    try:
        yield
    finally:
        _site.reset(token)


def site_name() -> str:
    """Return the name of the site whose page is being made."""
    return _site.get()


def address_of(row: Model) -> str:
    """Return the address of the page of `row`, on the site whose page is being made."""
    options = row._meta
    name = f"admin:{options.app_label}_{options.model_name}_change"
    return reverse(name, args=[row.pk], current_app=_site.get())


def pretty_json(value: Any) -> SafeString:
    """Return `value` as indented JSON, escaped."""
    text = visible(json.dumps(value, indent=2, ensure_ascii=False))
    return format_html('<pre class="ops-json">{}</pre>', text)


def folded_json(value: Any) -> SafeString:
    """Return `value` as JSON behind a word: the page shows it as a table already."""
    return format_html(
        '<details class="ops-fold"><summary>{}</summary>{}</details>',
        _("As JSON"),
        pretty_json(value),
    )
