"""Filters by a date: how old a row is, and from when to when."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RangeDateTimeFilter

from workflows_app.admin.filters import ChoiceFilter
from workflows_app.admin.slices import Dates


class AgeFilter(ChoiceFilter):
    """How old a row is, by the instant by which its list is dated."""

    title = gettext_lazy("age")
    parameter_name = "age"

    AGES = {
        "1h": (gettext_lazy("the last hour"), timedelta(hours=1)),
        "1d": (gettext_lazy("the last day"), timedelta(days=1)),
        "7d": (gettext_lazy("the last 7 days"), timedelta(days=7)),
        "30d": (gettext_lazy("the last 30 days"), timedelta(days=30)),
    }
    OLDER = {
        "over1h": (gettext_lazy("more than an hour"), timedelta(hours=1)),
        "over1d": (gettext_lazy("more than a day"), timedelta(days=1)),
        "over7d": (gettext_lazy("more than 7 days"), timedelta(days=7)),
    }

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.field = model_admin.dated_by

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(name, str(told)) for name, (told, _age) in (self.AGES | self.OLDER).items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return _within(queryset, self.dates)

    @property
    def dates(self) -> Dates | None:
        """Return the dates that are asked for."""
        value = self.value() or ""
        if value in self.AGES:
            return Dates(self.field, begin=timezone.now() - self.AGES[value][1])
        if value in self.OLDER:
            return Dates(self.field, end=timezone.now() - self.OLDER[value][1])
        return None


class TimeFilter(RangeDateTimeFilter):
    """From when to when, in the person's time zone. The end is what was typed: all of that day, minute or second."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows in between. Raises IncorrectLookupParameters for what is no date or time."""
        return _within(queryset, self.dates)

    @property
    def dates(self) -> Dates | None:
        """Return the dates that are asked for, the last instant of the end too. Raises IncorrectLookupParameters."""
        begin, end = self._instant("from"), self._instant("to")
        return None if begin is None and end is None else Dates(self.field_path, begin, end)

    def _instant(self, which: str) -> datetime | None:
        """Return the first instant of what was typed, and of an end the last, also in an hour that clocks repeat."""
        is_end = which == "to"
        day, at = (
            str(self.used_parameters.get(f"{self.field_path}_{which}_{part}") or "")
            for part in (0, 1)
        )
        try:
            date = forms.DateField(required=False).clean(day)
            if date is None:
                return None
            clock = forms.TimeField(required=False).clean(at)
            if clock is None:
                clock = time.max if is_end else time.min
            elif is_end:
                second = clock.second if at.count(":") == 2 else time.max.second
                clock = clock.replace(second=second, microsecond=time.max.microsecond)
            return timezone.make_aware(datetime.combine(date, clock.replace(fold=int(is_end))))
        except (forms.ValidationError, OverflowError, ValueError) as rubbish:
            raise IncorrectLookupParameters from rubbish


def _within(rows: QuerySet[Any], dates: Dates | None) -> QuerySet[Any]:
    if dates is None:
        return rows
    ends = {f"{dates.field}__gte": dates.begin, f"{dates.field}__lte": dates.end}
    return rows.filter(**{name: at for name, at in ends.items() if at is not None})


def time_parameters(field: str) -> list[str]:
    """Return what the address of a list says of a `TimeFilter`."""
    return [f"{field}_{end}_{part}" for end in ("from", "to") for part in (0, 1)]
