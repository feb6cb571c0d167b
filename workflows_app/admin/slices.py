"""The keys of the rows within some dates, the newest first or the oldest, at the cost of what is shown.

The index on a date says in which blocks of the table to look, and not in which order. By the order of the keys
PostgreSQL would read all that came after a day of long ago, to find it. So the dates are read in slices, from the end
at which the list begins, until there are enough rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

_FIRST = timedelta(hours=1)
#: So many times as long as all before it is a slice.
_LEAST, _MOST = 4, 64
_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Dates:
    """The values of `field` from `begin` to `end`; either may be open. What is in it, a filter says exactly."""

    field: str
    begin: datetime | None = None
    end: datetime | None = None

    def narrowed(self, other: Dates) -> Dates:
        """Return what is within both."""
        begins = [each for each in (self.begin, other.begin) if each is not None]
        ends = [each for each in (self.end, other.end) if each is not None]
        return Dates(self.field, max(begins, default=None), min(ends, default=None))


def keys_within(
    rows: QuerySet[Any], dates: Dates, number: int, *, now: datetime, newest_first: bool
) -> list[Any]:
    """Return at most `number` keys of `rows`, which are filtered by `dates`, ordered by these and by the key.

    The oldest of dates without a begin are better read by the order of the keys.
    """
    sign = "-" if newest_first else ""
    ordered = rows.order_by(f"{sign}{dates.field}", f"{sign}pk").values_list("pk", flat=True)
    before, after = _EVER
    # Nothing is younger than now, but by a clock that is wrong: the first slice has that, too.
    near, far = min(dates.end or now, now), dates.begin or before
    if not newest_first:
        near, far = dates.begin or before, dates.end or after
    found: list[Any] = []
    beyond, reached, length = Q(), timedelta(), _FIRST
    while len(found) < number:
        reached += length
        # Dates that begin after now, or end before they begin, leave less than nothing to cut.
        if reached >= (near - far if newest_first else far - near):
            found += ordered.filter(beyond)[: number - len(found)]
            break
        at = near - reached if newest_first else near + reached
        older, younger = Q(**{f"{dates.field}__lt": at}), Q(**{f"{dates.field}__gte": at})
        inside, outside = (younger, older) if newest_first else (older, younger)
        found += ordered.filter(beyond, inside)[: number - len(found)]
        beyond = outside
        # As far as there is enough, if there is as much further on, and a little more.
        enough = 1.25 * (number - len(found)) / len(found) if found else _MOST
        length = reached * min(max(enough, _LEAST), _MOST)
    return found
