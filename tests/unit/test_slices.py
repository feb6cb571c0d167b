"""Rows within some dates are found as by one look at all of them, whatever their dates and keys."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.models.rows import NOON, Rows
from workflows_app.admin.slices import Dates, keys_within
from workflows_app.models import Run

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVER = NOON.replace(year=1, month=1, day=2), NOON.replace(year=9999, month=12, day=30)
#: Not in the order of the keys; one is younger than now, some lie on the edges of slices, two are at once.
STARTED = [
    *(NOON - n * HOUR for n in (5, 0, 1, 1, 9, 2, 24, 3)),
    *(NOON - n * DAY for n in (400, 30, 31, 3_000, 8)),
    NOON + DAY,
    *(NOON - n * timedelta(minutes=7) for n in range(20)),
]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("number", [1, 7, 1_000])
@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (None, None),
        (NOON - 31 * DAY, None),
        (None, NOON - 2 * HOUR),
        (NOON - 9 * HOUR, NOON - HOUR),
        (NOON - 5_000 * DAY, NOON + 5_000 * DAY),
        (NOON, NOON),
        (NOON + DAY, NOON - DAY),
        (EVER[1], None),
        EVER,
        EVER[::-1],
    ],
)
def test_the_first_of_some_dates_are_found(
    rows: Rows, begin: datetime | None, end: datetime | None, number: int, newest_first: bool
) -> None:
    for n, at in enumerate(STARTED):
        rows.run("committed", lane=str(n), started_at=at)
    within = Run.objects.all()
    within = within if begin is None else within.filter(started_at__gte=begin)
    within = within if end is None else within.filter(started_at__lte=end)
    order = ("-started_at", "-pk") if newest_first else ("started_at", "pk")
    expected = list(within.order_by(*order).values_list("pk", flat=True)[:number])

    with CaptureQueriesContext(connection) as queries:
        found = keys_within(
            within,
            Dates("started_at", begin, end),
            number,
            now=NOON,
            newest_first=newest_first,
        )

    assert found == expected
    assert len(queries) <= 7
