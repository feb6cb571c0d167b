"""The console of the operators. It shows, and calls operations; it saves nothing itself."""

from workflows_app.admin import (
    accounts,
    decisions,
    events,
    handlers,
    inputs,
    jobs,
    mutations,
    runs,
    topics,
    versions,
    workflows,
)

__all__ = [
    "accounts",
    "decisions",
    "events",
    "handlers",
    "inputs",
    "jobs",
    "mutations",
    "runs",
    "topics",
    "versions",
    "workflows",
]
