"""Pages of long lists: 100,000 rows must not cost more than the 50 that are shown.

So nothing is counted to the end, and the numbers of the rows are looked up before the rows: what
they are joined with is read for one page, not for all that was found.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db import DataError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.views import ChangeList

from workflows_app.admin.dates import PARAMETER, Span, Steps, dates_of, within
from workflows_app.admin.seeing import shown
from workflows_app.admin.slices import Dates, keys_within
from workflows_app.admin.visible import row_for_page

COUNTED_AT_MOST = 5_000

if TYPE_CHECKING:
    BasePaginator = Paginator[Any]
else:
    BasePaginator = Paginator


class CappedPaginator(BasePaginator):
    """Counts so far and no further; who looks for older rows filters or searches."""

    template_name = "workflows_app/pagination.html"
    #: The number of rows, if it is known without counting.
    known_count: int | None = None

    @cached_property
    def found(self) -> int:
        """Return how many rows there are, one more than is said if there are more."""
        if self.known_count is not None:
            return self.known_count
        # A list is no query, and costs nothing to count.
        rows: Any = self.object_list
        if isinstance(rows, list):
            return len(rows)
        # In their order: else PostgreSQL could begin with rows of long ago, which filters leave out.
        counted: int = rows[: COUNTED_AT_MOST + 1].count()
        return counted

    @cached_property
    def count(self) -> int:
        return min(self.found, COUNTED_AT_MOST)

    @property
    def is_capped(self) -> bool:
        """Tell whether there are more rows than were counted."""
        return self.found > COUNTED_AT_MOST


class PagedChangeList(ChangeList):
    """A list that reads one page, and counts only what lies beyond it."""

    root_queryset: QuerySet[Any]

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return what a column is sorted by, if it offers that; Django would sort by any that an address names."""
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

    @cached_property
    def span(self) -> Span | None:
        """Return the year, month or day that the address asks for. Raises IncorrectLookupParameters."""
        asked = self.filter_params.get(PARAMETER)
        return Span.read(str(asked[-1])) if asked else None

    @cached_property
    def dates(self) -> Steps | None:
        """Return the years, months and days that stand above the list, if it has any."""
        field = self.model_admin.dated_by
        return dates_of(self, field, self.span) if field else None

    @property
    def all_dates(self) -> str:
        """Return the address of the list without its year, month or day."""
        return str(self.get_query_string(remove=[PARAMETER]))

    def get_filters_params(self, params: Any = None) -> Any:
        """Leave out what no filter of the panel takes."""
        found = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name != PARAMETER}

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        if self.span is not None:
            field = self.model_admin.dated_by
            self.root_queryset = within(self.root_queryset, field, self.span)
        return super().get_queryset(request, exclude_parameters)

    def get_results(self, request: HttpRequest) -> None:
        size = self.list_per_page
        start = (self.page_num - 1) * size
        if not 0 <= start < COUNTED_AT_MOST:
            raise IncorrectLookupParameters
        try:
            with transaction.atomic():
                keys = self._keys(start + size + 1)
        except DataError as rubbish:
            # No value of its kind, as in the address of a filter that somebody wrote by hand.
            raise IncorrectLookupParameters from rubbish
        numbers = keys[start : start + size]
        if start and not numbers:
            raise IncorrectLookupParameters
        self.paginator = CappedPaginator(self.queryset, size)
        if self.slices is not None or len(keys) <= start + size:
            self.paginator.known_count = len(keys)
        self.result_count = self.paginator.count
        # The number of rows stands below the list; the header need not offer to show all.
        self.full_result_count = self.result_count
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = self.result_count > size
        rows = {row.pk: row for row in self.queryset.filter(pk__in=numbers)}
        self.result_list = [row_for_page(shown(rows[key])) for key in numbers if key in rows]

    @cached_property
    def dates_shown(self) -> Dates | None:
        """Return the dates to which the address narrows the list, if it does."""
        asked = [spec.dates for spec in self.filter_specs if getattr(spec, "dates", None)]
        if self.span is not None:
            asked.append(Dates(self.model_admin.dated_by, *self.span.bounds()))
        return reduce(Dates.narrowed, asked) if asked else None

    @cached_property
    def slices(self) -> Dates | None:
        """Return the dates by which it is read, if it is.

        What a search found is few, and read by its keys; and the oldest of all have the first keys.
        """
        dates = self.dates_shown
        begins_late = self._newest_first or (dates is not None and dates.begin is not None)
        is_by_key = self._order.removeprefix("-") in ("pk", self.lookup_opts.pk.attname)
        return dates if is_by_key and begins_late and not self.query else None

    @property
    def _order(self) -> str:
        return str((self.queryset.query.order_by or ("-pk",))[0])

    @property
    def _newest_first(self) -> bool:
        return self._order.startswith("-")

    def _keys(self, number: int) -> list[Any]:
        """Return the keys of the first `number` rows; in slices those of all that are counted."""
        if self.slices is None:
            return list(self.queryset.values_list("pk", flat=True)[:number])
        return keys_within(
            self.queryset,
            self.slices,
            COUNTED_AT_MOST + 1,
            now=timezone.now(),
            newest_first=self._newest_first,
        )
