"""How things are called on pages, and the colours of statuses: red waits for a person, orange for time,
green is done.
"""

from __future__ import annotations

STATUS_LABELS = {
    "blocked": "danger",
    "indeterminate": "danger",
    "failed": "danger",
    "did not happen": "warning",
    "reconciling": "warning",
    "needs reconcile": "warning",
    "in flight": "info",
    "paused": "warning",
    "open": "danger",
    "half open": "warning",
    "closed": "success",
    "active": "info",
    "pending": "info",
    "reserved": "info",
    "committed": "success",
    "consumed": "success",
    "applied": "success",
    "skipped": "default",
    "crashed": "default",
}
#: Django shows choices with a capital; the labels are matched as they are shown.
STATUS_LABELS |= {key.capitalize(): value for key, value in STATUS_LABELS.items()}


def lane_label(lane: str | None) -> str:
    """Return the name of a lane in a list or a table."""
    if lane is None:
        return "not named yet"
    return lane or "main"
