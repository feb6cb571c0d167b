"""What people can be told of: what needs a person now, with a key by which it is known again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from workflows_app.alerts.pending import pending_too_long
from workflows_app.alerts.settings import AlertSettings
from workflows_app.models import (
    AlertChoice,
    Breaker,
    Event,
    Evidence,
    Mutation,
    Run,
    Workflow,
)
from workflows_app.queries.attention import (
    blocked_runs,
    contradictions,
    failures_that_wait,
    open_breakers,
)
from workflows_app.queries.taking import taken_by

#: The kinds, the most urgent first, each with the models whom it shows something of.
SHOWS: dict[str, tuple[type[Any], ...]] = {
    "contradiction": (Run, Mutation, Evidence),
    "breaker": (Breaker,),
    "blocked": (Run, Mutation),
    "failed": (Run,),
    "oldest_pending": (Event, Workflow),
}


@dataclass(frozen=True)
class Fact:
    """One thing that needs a person."""

    kind: str
    key: str
    since: datetime
    #: What people call it.
    title: str
    #: The page to look at, as the arguments of its address; none for a workflow's own page.
    page: tuple[str, int]


Facts = dict[int, list[Fact]]


def may_be_told(person: Any) -> list[str]:
    """Return the kinds that tell `person` nothing but what the console would show them."""
    return [kind for kind, models in SHOWS.items() if all(map(_may_view(person), models))]


def _may_view(person: Any) -> Any:
    return lambda model: person.has_perm(f"workflows_app.view_{model._meta.model_name}")


def chosen_kinds(choice: AlertChoice) -> set[str]:
    """Return the kinds that a person has ticked."""
    return {kind for kind in SHOWS if getattr(choice, kind)}


def open_facts(limits: AlertSettings, *, now: datetime, workflow_id: int | None = None) -> Facts:
    """Return what needs a person and what nobody has taken yet, by workflow, or of one of them.

    At most eight queries. Of runs that wait for a person in numbers it reads a few columns.
    """

    def of(rows: QuerySet[Any], path: str) -> QuerySet[Any]:
        return rows if workflow_id is None else rows.filter(**{path: workflow_id})

    found: Facts = defaultdict(list)
    runs: list[tuple[int, int, Fact]] = []
    for workflow, pk, title, at in of(blocked_runs(), "workflow").values_list(
        "workflow", "pk", "title", "blocked_at"
    ):
        since = at or now
        key = f"blocked:{pk}:{since.timestamp():.0f}"
        runs.append((workflow, pk, Fact("blocked", key, since, title, ("run", pk))))
    for workflow, pk, title, at in of(failures_that_wait(), "workflow").values_list(
        "workflow", "pk", "title", "ended_at"
    ):
        fact = Fact("failed", f"failed:{pk}", at or now, title, ("run", pk))
        runs.append((workflow, pk, fact))
    run_of = "mutation__run"
    for workflow, run, pk, title, at in of(
        contradictions(now=now), f"{run_of}__workflow"
    ).values_list(f"{run_of}__workflow", run_of, "pk", f"{run_of}__title", "created_at"):
        fact = Fact("contradiction", f"contradiction:{pk}", at, title, ("run", run))
        runs.append((workflow, run, fact))
    seen_at = _seen_at(runs)
    for workflow, run, fact in runs:
        if run not in seen_at or seen_at[run] < fact.since:
            found[workflow].append(fact)
    for breaker in of(open_breakers(), "handler__workflow"):
        handler, since = breaker.handler, breaker.opened_at or now
        key = f"breaker:{handler.pk}:{since.timestamp()}"
        fact = Fact("breaker", key, since, handler.name, ("breaker", breaker.pk))
        found[handler.workflow_id].append(fact)
    for workflow, since in pending_too_long(limits, now=now, workflow_id=workflow_id).items():
        fact = Fact("oldest_pending", "oldest_pending", since, "", ("workflow", workflow))
        found[workflow].append(fact)
    return found


def _seen_at(runs: list[tuple[int, int, Fact]]) -> dict[int, datetime]:
    """Return of runs when somebody took them."""
    if not runs:
        return {}
    return {run: action.created_at for run, action in taken_by({run for _, run, _ in runs}).items()}
