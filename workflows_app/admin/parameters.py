"""What the address of a list may ask for: its filters by their names, its search and its pages.

Django makes a lookup of whatever stands in an address: by `payload__regex` one person keeps the database
busy for all, and by `created_at__year=0` a page ends in an error. Here an admin lists what may be asked. All
else leads back to the list, with a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets, SimpleListFilter
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from workflows_app.admin import dates
from workflows_app.admin.date_filters import TimeFilter, time_parameters

#: The most characters that are searched for.
SEARCH_LENGTH = 200
#: The most characters of an address that are told again.
_TOLD_LENGTH = 60
WRONG_VALUE = gettext_lazy("A filter, or the page, has a value that this list does not know.")


class NamedParameters(ModelAdmin):
    """A list that takes `filter_parameters`, those of its own filter classes, search and page numbers."""

    #: What the links of its filters say, as in `status__exact`.
    filter_parameters: Sequence[str] = ()
    #: The instant by which the list has years, months and days; it rises with the keys of the rows.
    dated_by: str = ""
    #: They would count all rows by each of the filters' values.
    show_facets = ShowFacets.NEVER

    def offered(self, request: HttpRequest) -> set[str]:
        """Return the names of the parameters that the list takes."""
        own = set()
        for item in self.get_list_filter(request):
            if isinstance(item, type) and issubclass(item, SimpleListFilter):
                own.add(item.parameter_name)
            elif isinstance(item, tuple) and issubclass(item[1], TimeFilter):
                own.update(time_parameters(item[0]))
        sorting = {ORDER_VAR} if self.sortable_by is None or list(self.sortable_by) else set()
        dated = {dates.PARAMETER} if self.dated_by else set()
        return {SEARCH_VAR, PAGE_VAR, *sorting, *dated, *self.filter_parameters, *filter(None, own)}

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup in self.offered(request)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return bool(to_field == self.opts.pk.name)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, or lead back to it with a sentence about what its address asks for."""
        problem = self.problem_of(request)
        if not problem:
            try:
                answer: HttpResponse = super().changelist_view(request, extra_context)
                return answer
            except WrongValue:
                problem = str(WRONG_VALUE)
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        messages.error(request, " ".join((problem, _("All of the list is shown."))))
        return HttpResponseRedirect(request.path)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        try:
            return super().get_changelist_instance(request)
        except (
            IncorrectLookupParameters,
            DisallowedModelAdminLookup,
            DisallowedModelAdminToField,
        ) as wrong:
            raise WrongValue(WRONG_VALUE) from wrong

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponseBase | None:
        """Do what was chosen for all rows that were. Raises Http404 for what can't name a row."""
        try:
            chosen = map(self.opts.pk.to_python, request.POST.getlist(ACTION_CHECKBOX_NAME))
            is_row = all(pk is not None and not (isinstance(pk, int) and pk < 0) for pk in chosen)
        except ValidationError:
            is_row = False
        if not is_row:
            raise Http404(_("There is no such row."))
        answer: HttpResponseBase | None = super().response_action(request, queryset)
        return answer

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find nothing by what no search field takes, whoever asks: a list, or a field that completes."""
        if len(search_term) > SEARCH_LENGTH or "\0" in search_term:
            return queryset.none(), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(
            request, queryset, search_term
        )
        return found

    def problem_of(self, request: HttpRequest) -> str:
        """Say what the address asks for and the list does not take; nothing if all is right."""
        unknown = sorted(set(request.GET) - self.offered(request))
        if unknown:
            return _("This list has no filter “%(name)s”.") % {"name": unknown[0][:_TOLD_LENGTH]}
        if len(request.GET.get(SEARCH_VAR, "")) > SEARCH_LENGTH:
            return _("Search for %(number)s characters at most.") % {"number": SEARCH_LENGTH}
        return ""


class WrongValue(Exception):
    """What Django would lead to a page about a database that is set up wrongly."""
