"""What a person looks for again and again in a list, kept for them under a name, above the list."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from workflows_app.admin.parameters import NamedParameters
from workflows_app.models import SavedFilter

#: How many a person keeps of one list.
MOST = 20
_NAME_LENGTH = 60
_QUERY_LENGTH = 2_000


class SavedFilters(NamedParameters):
    """A list above which the filters stand that its person has saved."""

    list_before_template = "workflows_app/above_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.saved_filters_view)
        own: list[URLPattern] = super().get_urls()
        return [path("filters/", view, name=self._name("filters")), *own]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        query = self._kept(request, request.GET.urlencode())
        export = getattr(self, "export_address", None)
        context = {
            **(extra_context or {}),
            "saved_filters": [
                {"row": row, "is_here": row.query == query} for row in self._of_person(request)
            ],
            "saved_filters_address": self._address("filters"),
            "query_to_save": query,
            "export_address": export(request) if export else "",
        }
        return super().changelist_view(request, context)

    def saved_filters_view(self, request: HttpRequest) -> HttpResponse:
        """Save the filters of an address under a name, or forget one. POST only."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        saved = self._of_person(request)
        forgotten = request.POST.get("forget", "")
        query = self._kept(request, request.POST.get("query", ""))
        if forgotten.isascii() and forgotten.isdecimal() and len(forgotten) < _NAME_LENGTH:
            saved.filter(pk=min(int(forgotten), 2**62)).delete()
        else:
            self._save(request, " ".join(request.POST.get("name", "").split()), query)
        address = self._address("changelist")
        return HttpResponseRedirect(f"{address}?{query}" if query else address)

    def _save(self, request: HttpRequest, name: str, query: str) -> None:
        saved = self._of_person(request)
        if not name or not name.isprintable() or len(name) > _NAME_LENGTH:
            told = _("Give the filter a name of %(number)s characters at most.")
            messages.error(request, told % {"number": _NAME_LENGTH})
        elif not query or len(query) > _QUERY_LENGTH:
            messages.error(request, _("Choose a filter, or search, before you save."))
        elif saved.exclude(name=name).count() >= MOST:
            told = _("You have %(number)s filters here. Forget one first.")
            messages.error(request, told % {"number": MOST})
        else:
            key = {"person_id": request.user.pk, "page": self.opts.model_name, "name": name}
            SavedFilter.objects.update_or_create(**key, defaults={"query": query})
            messages.success(request, _("“%(name)s” is saved for you.") % {"name": name})

    def _of_person(self, request: HttpRequest) -> Any:
        return SavedFilter.objects.filter(person=request.user.pk, page=self.opts.model_name)

    def _kept(self, request: HttpRequest, query: str) -> str:
        """Return what of a query the list takes, without the number of the page."""
        offered = self.offered(request) - {"p"}
        pairs = parse_qsl(query[: _QUERY_LENGTH + 1])
        return urlencode([(name, value) for name, value in pairs if name in offered])

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def _address(self, page: str) -> str:
        return reverse(f"admin:{self._name(page)}", current_app=self.admin_site.name)
