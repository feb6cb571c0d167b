"""Search in one list: the rows that its filters leave, and that have the words; the newest of them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import Error, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app.admin.parameters import NamedParameters
from workflows_app.admin.seeing import masked_names
from workflows_app.outages import sqlstate_of
from workflows_app.queries.search import NoTerm, Term, hit_of, term_of
from workflows_app.queries.search.bounds import among, bounded, newest, newest_of
from workflows_app.queries.search.finding import reads_of, with_words
from workflows_app.statement_limits import STOPPED

#: How many rows are found at most.
MOST = 500
_ALL = "_workflows_finds_all"
HELP = gettext_lazy(
    "Words, the beginning of a word, or a number. Of many rows the newest are found."
)


class FoundByWords(NamedParameters):
    """A list that is searched through its index of words, and by nobody for what is masked for them."""

    #: Without one the theme shows no box.
    search_fields = ["pk"]
    search_help_text = HELP

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows of `queryset` that have all of what was typed."""
        if not search_term.strip():
            return queryset, False
        try:
            term = term_of(search_term)
            if wants_all(request):
                return self._all(queryset, term), False
            with bounded(), transaction.atomic():
                keys = self._keys(queryset, term)
        except NoTerm:
            return queryset.none(), False
        except Error as error:
            if sqlstate_of(error) != STOPPED:
                raise
            messages.warning(request, _("That stands in too many rows. Add a word, or a filter."))
            return queryset.none(), False
        if len(keys) >= MOST and is_list(request):
            told = _("The newest %(number)s are shown. Add a word, or a filter.")
            messages.info(request, told % {"number": MOST})
        return queryset.filter(pk__in=keys), False

    def found_otherwise(self, queryset: QuerySet[Any], term: Term) -> QuerySet[Any]:
        """Return the rows that are found by more than words."""
        return queryset.none()

    def _all(self, queryset: QuerySet[Any], term: Term) -> QuerySet[Any]:
        """Return all rows, however many, and those too that show nothing of it to who sees them masked."""
        rows = queryset.model._default_manager.order_by()
        otherwise = self.found_otherwise(rows, term).values("pk")
        return queryset.filter(among(with_words(rows.model, term)) | Q(pk__in=otherwise))

    def _keys(self, queryset: QuerySet[Any], term: Term) -> list[int]:
        rows = queryset.select_related(None)
        words = with_words(rows.model, term)
        is_filtered = bool(rows.query.where.children)
        found = newest_of(rows, words, MOST) if is_filtered else newest(words, MOST)
        found += list(self.found_otherwise(rows, term).values_list("pk", flat=True)[:MOST])
        names = masked_names()
        if not names:
            return found
        # What is masked for them tells them nothing, not even by being found.
        checked = self.model._default_manager.filter(pk__in=found)
        hits = (hit_of(row, term, names) for row in checked.select_related(*reads_of(self.model)))
        return [hit.row.pk for hit in hits if hit is not None]


def want_all(request: HttpRequest) -> None:
    """Let searches for `request` find all rows, and not the newest alone."""
    vars(request)[_ALL] = True


def wants_all(request: HttpRequest) -> bool:
    return _ALL in vars(request)


def is_list(request: HttpRequest) -> bool:
    """Tell whether a person looks at a list; a field that completes asks for rows, too."""
    match = request.resolver_match
    return match is not None and str(match.url_name).endswith("_changelist")
