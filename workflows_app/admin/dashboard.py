"""The home page: what needs a person, first; then how the workflows do."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from workflows_app.admin.seeing import all_that_may_be_seen, may_see, seen
from workflows_app.models import Breaker, Evidence, Mutation
from workflows_app.queries.attention import (
    blocked_runs,
    contradictions,
    failures_that_wait,
    open_breakers,
)
from workflows_app.queries.health import workflow_health
from workflows_app.queries.throughput import Hour, hourly_throughput

#: More than this is no list to work through on a home page; the run list has all.
MOST = 50

CHART_OPTIONS = {
    "animation": False,
    "responsive": True,
    "maintainAspectRatio": False,
    "maxBarThickness": 18,
    "plugins": {"legend": {"align": "end", "labels": {"color": "#9ca3af", "boxWidth": 12}}},
    "scales": {
        "x": {"stacked": True, "ticks": {"color": "#9ca3af"}, "grid": {"display": False}},
        "y": {
            "stacked": True,
            "beginAtZero": True,
            "ticks": {"color": "#9ca3af", "precision": 0},
            "grid": {"display": False},
        },
    },
}


def home(request: HttpRequest) -> dict[str, Any]:
    """Return what the home page shows, if the person may see runs."""
    if not request.user.has_perm("workflows_app.view_run"):
        return {}
    now = timezone.now()
    hours = hourly_throughput(now=now)
    late = contradictions(now=now)[:MOST] if may_see(Evidence, Mutation) else []
    return {
        "may_see": all_that_may_be_seen(),
        "breakers": list(seen(Breaker, open_breakers()[:MOST])),
        "blocked": list(blocked_runs()[:MOST]),
        "failures": list(failures_that_wait()[:MOST]),
        "contradictions": list(late),
        "health": workflow_health(now=now),
        "done": sum(hour.done for hour in hours),
        "failed": sum(hour.failed for hour in hours),
        "throughput": _chart(hours),
        "chart_options": json.dumps(CHART_OPTIONS),
        "most": MOST,
        "may_view_runs": True,
    }


def _chart(hours: list[Hour]) -> str:
    """Return the hours as the theme's bar chart takes them."""
    return json.dumps(
        {
            "labels": [f"{hour.starts_at:%H}:00" for hour in hours],
            "datasets": [
                {
                    "label": "done",
                    "data": [hour.done for hour in hours],
                    "backgroundColor": "#16a34a",
                },
                {
                    "label": "failed",
                    "data": [hour.failed for hour in hours],
                    "backgroundColor": "#dc2626",
                },
            ],
        }
    )
