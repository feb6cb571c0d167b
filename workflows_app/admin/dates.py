"""Years, months and days above a list: by which one comes to a day of long ago in three clicks.

Django's own asks for the distinct dates of all rows. Here the first and the last row, by their keys, say where the
levels begin and end, and the calendar says the rest: two rows are read, however many there are. A day on which
nothing happened is offered too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

#: What the address of a list says: `on=2026`, `on=2026-11` or `on=2026-11-28`.
PARAMETER = "on"
_FORM = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", re.ASCII)
#: More years than this are not offered; a clock was wrong.
_MOST_YEARS = 30


@dataclass(frozen=True)
class Span:
    """A year, a month or a day, in the person's time zone."""

    first: date
    #: "%Y", "%Y-%m" or "%Y-%m-%d".
    form: str

    @classmethod
    def read(cls, text: str) -> Span:
        """Return what the address says. Raises IncorrectLookupParameters."""
        found = _FORM.fullmatch(text)
        try:
            if found is None:
                raise ValueError(text)
            year, month, day = (int(part) if part is not None else None for part in found.groups())
            form = "%Y-%m-%d" if day is not None else "%Y-%m" if month is not None else "%Y"
            first = date(year or 0, 1 if month is None else month, 1 if day is None else day)
            span = cls(first, form)
            span.bounds()
        except (ValueError, OverflowError) as rubbish:
            raise IncorrectLookupParameters from rubbish
        return span

    @property
    def after(self) -> date:
        """Return the first day that is no longer in it."""
        if self.form == "%Y":
            return date(self.first.year + 1, 1, 1)
        if self.form == "%Y-%m":
            return (self.first.replace(day=28) + timedelta(days=4)).replace(day=1)
        return self.first + timedelta(days=1)

    def bounds(self) -> tuple[datetime, datetime]:
        """Return its first instant, and the first after it."""
        begin, end = (
            timezone.make_aware(datetime.combine(day, time.min)) for day in (self.first, self.after)
        )
        return begin, end

    @property
    def value(self) -> str:
        return f"{self.first:{self.form}}"

    @property
    def label(self) -> str:
        """Return its name: “2026”, “November 2026”, “Sat 28 November 2026”, as the person's language has it."""
        if self.form == "%Y-%m-%d":
            return f"{date_format(self.first, 'D')} {date_format(self.first, 'DATE_FORMAT')}"
        return date_format(self.first, "Y" if self.form == "%Y" else "YEAR_MONTH_FORMAT")

    @property
    def around(self) -> list[Span]:
        """Return what it is a part of, the widest first."""
        wider = [form for form in ("%Y", "%Y-%m") if len(form) < len(self.form)]
        return [Span(self.first.replace(day=1, **_january(form)), form) for form in wider]

    def parts(self, oldest: date, newest: date) -> list[Span]:
        """Return the months of a year or the days of a month, as far as there are rows."""
        if self.form == "%Y-%m-%d":
            return []
        form = "%Y-%m" if self.form == "%Y" else "%Y-%m-%d"
        begin = max(self.first, oldest.replace(day=1) if form == "%Y-%m" else oldest)
        found, part = [], Span(begin, form)
        while part.first < self.after and part.first <= newest:
            found.append(part)
            part = Span(part.after, form)
        return found


@dataclass(frozen=True)
class DateLink:
    """One step: into a part, or back to what is around it."""

    label: str
    address: str


@dataclass(frozen=True)
class Steps:
    """What stands above the list. `here`: the span that is shown, if it is not all."""

    back: list[DateLink]
    here: str
    parts: list[DateLink]


def dates_of(changelist: Any, field: str, shown: Span | None) -> Steps | None:
    """Return the steps from where a list is; nothing if it has no rows. Two rows are read."""
    ends = [
        changelist.model._default_manager.order_by(order).values_list(field, flat=True).first()
        for order in ("pk", "-pk")
    ]
    oldest, newest = (timezone.localdate(at) if at is not None else None for at in ends)
    if oldest is None or newest is None:
        return None
    around = [*shown.around, shown] if shown is not None else []
    parts = shown.parts(oldest, newest) if shown is not None else _years(oldest, newest)
    # One year, or one month, is no choice.
    while len(parts) == 1 and parts[0].form != "%Y-%m-%d":
        parts = parts[0].parts(oldest, newest)

    def link(span: Span, label: str) -> DateLink:
        return DateLink(label, changelist.get_query_string({PARAMETER: span.value}))

    return Steps(
        back=[link(span, span.label) for span in around[:-1]],
        here=around[-1].label if around else "",
        parts=[link(part, _short(part, shown)) for part in parts],
    )


def within(rows: QuerySet[Any], field: str, span: Span) -> QuerySet[Any]:
    """Return the rows of a span."""
    begin, end = span.bounds()
    return rows.filter(**{f"{field}__gte": begin, f"{field}__lt": end})


def _years(oldest: date, newest: date) -> list[Span]:
    first = max(oldest.year, newest.year - _MOST_YEARS)
    return [Span(date(year, 1, 1), "%Y") for year in range(first, newest.year + 1)]


def _january(form: str) -> dict[str, int]:
    return {"month": 1} if form == "%Y" else {}


def _short(span: Span, around: Span | None) -> str:
    """Return its name among its like, without what is told beside them; of a day also which one of the week."""
    if span.form == "%Y-%m-%d":
        is_in_month = around is not None and around.form == "%Y-%m"
        day = date_format(span.first, "j" if is_in_month else "MONTH_DAY_FORMAT")
        return f"{date_format(span.first, 'D')} {day}"
    return date_format(span.first, "Y" if span.form == "%Y" else "F")
