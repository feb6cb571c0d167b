"""The console of the operators. It shows, and calls operations; it saves nothing itself."""

from workflows_app.admin import (
    accounts,
    breakers,
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
    "breakers",
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
