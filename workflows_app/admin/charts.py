"""The charts of the home page, as the theme's chart component takes them, each with a sentence for all who see none.

An hour that is over changes no more, so this process counts it once. A page reads the last two hours.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workflows_app.queries.health import WorkflowHealth
from workflows_app.queries.throughput import (
    AN_HOUR,
    HOURS_OF_A_DAY,
    Span,
    by_day,
    first_hour_of_week,
    hours_since,
)

_GREY, _GREEN, _RED, _ORANGE, _BLUE = "#9ca3af", "#16a34a", "#dc2626", "#d97706", "#2563eb"
#: More workflows than this make no chart that can be read.
WORKFLOWS_SHOWN = 12
_AXIS = {"ticks": {"color": _GREY, "precision": 0}, "grid": {"display": False}}
OPTIONS = json.dumps(
    {
        "animation": False,
        "responsive": True,
        "maintainAspectRatio": False,
        "maxBarThickness": 18,
        "plugins": {"legend": {"align": "end", "labels": {"color": _GREY, "boxWidth": 12}}},
        "scales": {
            "x": {"stacked": True, **_AXIS},
            "y": {"stacked": True, "beginAtZero": True, **_AXIS},
        },
    }
)

#: Hours that are over, by database and time zone.
_over: dict[tuple[str, str], list[Span]] = {}


@dataclass(frozen=True)
class Chart:
    """One chart: its name, what it says in a sentence, and its data for the theme. `key` finds it again."""

    key: str
    name: str
    sentence: str
    data: str
    #: It has no columns, and is not shown.
    is_empty: bool = False


def charts(health: list[WorkflowHealth], *, now: datetime) -> list[Chart]:
    """Return the charts: the last day, the last week, and what is pending now."""
    hours = _hours_of_week(now)
    day, week = hours[-HOURS_OF_A_DAY:], by_day(hours)
    zone = f"{timezone.localtime(now):%Z}"
    shown = [
        _of_time(
            "day",
            _("The last 24 hours"),
            _("By the hour, in %(zone)s:") % {"zone": zone},
            day,
            _hour,
        )
    ]
    shown.append(_of_time("week", _("The last 7 days"), _("By the day:"), week, _day))
    return [*shown, _of_backlog(health, now)]


def _hours_of_week(now: datetime) -> list[Span]:
    begins = min(
        first_hour_of_week(now=now), timezone.localtime(now) - AN_HOUR * (HOURS_OF_A_DAY - 1)
    ).replace(minute=0, second=0, microsecond=0)
    key = (str(connection.settings_dict["NAME"]), timezone.get_current_timezone_name())
    known = [hour for hour in _over.get(key, []) if begins <= hour.starts_at <= now]
    if known and known[0].starts_at > begins:
        known = []
    missing = known[-1].starts_at.astimezone(UTC) + AN_HOUR if known else begins
    hours = [*known, *hours_since(missing, now=now)]
    _over[key] = hours[:-2]
    return hours


def _of_time(
    key: str, name: str, note: str, spans: list[Span], label: Callable[[datetime], str]
) -> Chart:
    done, failed = sum(span.done for span in spans), sum(span.failed for span in spans)
    unknown, decided = sum(span.unknown for span in spans), sum(span.decided for span in spans)
    parts = (
        ngettext("%(number)s run done", "%(number)s runs done", done) % {"number": done},
        ngettext("%(number)s attempt failed", "%(number)s attempts failed", failed)
        % {"number": failed},
        ngettext("%(number)s unknown outcome", "%(number)s unknown outcomes", unknown)
        % {"number": unknown},
        ngettext("%(number)s decision", "%(number)s decisions", decided) % {"number": decided},
    )
    sentence = "{}, {}; {}, {}. {}".format(*parts, note)
    columns = (
        (_("done"), _GREEN, [span.done for span in spans]),
        (_("failed attempts"), _RED, [span.failed for span in spans]),
        (_("unknown outcomes"), _ORANGE, [span.unknown for span in spans]),
        (_("decisions"), _BLUE, [span.decided for span in spans]),
    )
    return Chart(key, name, sentence, _data([label(span.starts_at) for span in spans], columns))


def _hour(at: datetime) -> str:
    return f"{at:%H}:00"


def _day(at: datetime) -> str:
    return date_format(at, "D d")


def _of_backlog(health: list[WorkflowHealth], now: datetime) -> Chart:
    waiting = sorted(
        (row for row in health if row.backlog.pending), key=lambda row: -row.backlog.pending
    )
    ages = [_minutes(row.backlog.oldest_pending_at, now) for row in waiting]
    number = sum(row.backlog.pending for row in waiting)
    told = ngettext(
        "%(number)s event pending, the oldest for %(age)s. By workflow:",
        "%(number)s events pending, the oldest for %(age)s. By workflow:",
        number,
    )
    oldest = max(ages, default=0)
    age = ngettext("%(number)s minute", "%(number)s minutes", oldest) % {"number": oldest}
    age = age if oldest else _("less than a minute")
    sentence = told % {"number": number, "age": age}
    rows = waiting[:WORKFLOWS_SHOWN]
    columns: tuple[tuple[str, str, list[int]], ...] = (
        (_("behind a run that holds the lane"), _RED, [row.held.waiting_behind for row in rows]),
        (_("others"), _BLUE, [row.backlog.pending - row.held.waiting_behind for row in rows]),
    )
    labels = [
        f"{row.workflow.title[:40]} ({age} min)" for row, age in zip(rows, ages, strict=False)
    ]
    return Chart(
        "pending", _("Pending now"), sentence, _data(labels, columns), is_empty=not waiting
    )


def _minutes(at: datetime | None, now: datetime) -> int:
    return int((now - at).total_seconds() // 60) if at is not None else 0


def _data(labels: list[str], columns: tuple[tuple[str, str, list[int]], ...]) -> str:
    sets: list[dict[str, Any]] = [
        {"label": label, "data": data, "backgroundColor": colour} for label, colour, data in columns
    ]
    return json.dumps({"labels": labels, "datasets": sets})
