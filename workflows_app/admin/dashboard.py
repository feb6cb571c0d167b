"""The home page: what needs a person, first; then how the workflows do, and what was decided lately."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import CharField, F, Value
from django.http import HttpRequest
from django.utils import timezone

from workflows_app.admin.charts import OPTIONS, charts
from workflows_app.admin.seeing import all_that_may_be_seen, may_see, seen, shown
from workflows_app.alerts.outages import outages
from workflows_app.models import Alert, Breaker, Evidence, Mutation, OperatorAction, Run, Workflow
from workflows_app.queries.attention import (
    MUTATOR,
    blocked_runs,
    contradictions,
    failures_that_wait,
    in_groups,
    open_breakers,
)
from workflows_app.queries.health import workflow_health
from workflows_app.queries.taking import late_answers, taken_by

#: More than this is no list to work through on a home page; the run list has all.
MOST = 50
#: Of one outside system no more are shown.
OF_A_GROUP = 10
#: How many of the last decisions are shown, and how far back skipped and given up ones are.
DECISIONS_SHOWN = 10
FOLLOWED_UP_FOR = timedelta(days=30)
#: What leaves something undone, or of unknown outcome, that somebody outside the console has to follow up.
GIVEN_UP = ("skip_run", "skip_event")
#: Where a request keeps what its page shows: the title asks for it, and the page.
_KEPT = "_workflows_home"


def home(request: HttpRequest) -> dict[str, Any]:
    """Return what the home page shows, if the person may see runs."""
    kept: dict[str, Any] | None = getattr(request, _KEPT, None)
    if kept is None:
        kept = _home() if request.user.has_perm("workflows_app.view_run") else {}
        setattr(request, _KEPT, kept)
    return kept


def _home() -> dict[str, Any]:
    now = timezone.now()
    late = list(contradictions(now=now)[: MOST + 1]) if may_see(Evidence, Mutation) else []
    breakers = list(seen(Breaker, open_breakers()[: MOST + 1]))
    # Who may not see what calls outside is not told by the groups either.
    outside = MUTATOR if may_see(Mutation) else Value("", output_field=CharField())
    blocked, blocked_number = in_groups(blocked_runs(), by=outside, each=OF_A_GROUP, most=MOST)
    failed, failed_number = in_groups(
        failures_that_wait(), by=F("handler__name"), each=OF_A_GROUP, most=MOST
    )
    runs = [run for group in (*blocked, *failed) for run in group.runs]
    _mark(runs)
    for group in (*blocked, *failed):
        group.runs[:] = seen(Run, group.runs)
    health = [
        replace(row, worst_run=row.worst_run and shown(row.worst_run))
        for row in workflow_health(now=now)
    ]
    waits = blocked_number + failed_number + len(late) + len(breakers)
    return {
        "may_see": all_that_may_be_seen(),
        "waits": waits,
        "breakers": breakers[:MOST],
        "blocked": blocked,
        "blocked_number": blocked_number,
        "blocked_more": blocked_number > sum(group.number for group in blocked),
        "failures": failed,
        "failed_number": failed_number,
        "failed_more": failed_number > sum(group.number for group in failed),
        "contradictions": list(seen(Evidence, late[:MOST])),
        "alert_outages": outages(with_names=may_see(Alert)),
        "health": health,
        "are_all_retired": not health and Workflow.objects.exists(),
        "charts": charts(health, now=now) if health else [],
        "chart_options": OPTIONS,
        "decisions": list(seen(OperatorAction, _decisions()[:DECISIONS_SHOWN])),
        "given_up": list(seen(OperatorAction, _given_up(now)[:DECISIONS_SHOWN])),
        "most": MOST,
        "may_view_runs": True,
    }


def _mark(runs: Iterable[Any]) -> None:
    """Say of each run who looks into it, and whether the outside system has answered after all."""
    listed = list(runs)
    taken = taken_by(run.pk for run in listed) if may_see(OperatorAction) else {}
    late = late_answers(listed) if may_see(Evidence, Mutation) else {}
    for run in listed:
        run.taking, run.late = taken.get(run.pk), late.get(run.pk)


def _decisions() -> Any:
    decided = OperatorAction.objects.exclude(operation__in=OperatorAction.REMARKS)
    with_effects = decided.select_related(
        "workflow", "event", "run__mutation", "run__carried_mutation"
    )
    return with_effects.order_by("-pk")


def _given_up(now: Any) -> Any:
    given_up = _decisions().filter(created_at__gte=now - FOLLOWED_UP_FOR, operation__in=GIVEN_UP)
    return given_up.prefetch_related("event__inputs")
