"""Pages of long lists: 100,000 rows must not cost more than the 50 that are shown.

So nothing is counted to the end, and the numbers of the rows are looked up before the rows: what
they are joined with is read for one page, not for all that was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db import DataError, transaction
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

from workflows_app.admin.seeing import shown

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

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return what a column is sorted by, if it offers that; Django would sort by any that an address names."""
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

    def get_results(self, request: HttpRequest) -> None:
        size = self.list_per_page
        start = (self.page_num - 1) * size
        if not 0 <= start < COUNTED_AT_MOST:
            raise IncorrectLookupParameters
        try:
            with transaction.atomic():
                numbers = list(self.queryset.values_list("pk", flat=True)[start : start + size + 1])
        except DataError as rubbish:
            # No value of its kind, as in the address of a filter that somebody wrote by hand.
            raise IncorrectLookupParameters from rubbish
        if start and not numbers:
            raise IncorrectLookupParameters
        self.paginator = CappedPaginator(self.queryset, size)
        if len(numbers) <= size:
            self.paginator.known_count = start + len(numbers)
        self.result_count = self.paginator.count
        # The number of rows stands below the list; the header need not offer to show all.
        self.full_result_count = self.result_count
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = self.result_count > size
        self.result_list = [shown(row) for row in self.queryset.filter(pk__in=numbers[:size])]
