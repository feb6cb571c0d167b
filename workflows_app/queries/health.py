"""How the workflows do: a row each, and a few numbers, in a number of queries that does not grow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from workflows_app.models import Breaker, Event, Lease, Run, Topic, Workflow
from workflows_app.queries.attention import open_breakers
from workflows_app.queries.lane_numbers import (
    NOTHING,
    Backlog,
    HeldLanes,
    LaneNumbers,
    lane_numbers,
)
from workflows_app.queries.lanes import HOLDS, WORKING

#: The sweep looks every few seconds: what is due this long found no worker.
OVERDUE_AFTER = timedelta(minutes=1)
#: It could go on, and something is due for so long.
NO_WORKER = "no worker"

#: Those that need somebody come first.
STATES = [*HOLDS, NO_WORKER, "paused", WORKING, "idle"]


@dataclass(frozen=True)
class WorkflowHealth:
    """One workflow as an operator wants to see it."""

    workflow: Workflow
    #: In a word, one of STATES: that of its worst lane.
    state: str
    #: The unfinished run that its state is about.
    worst_run: Run | None
    backlog: Backlog
    #: Its lanes with unfinished runs, and which are held up by what.
    held: HeldLanes
    #: Breakers that let no calls out, or only one.
    breakers: list[Breaker]
    #: Something is due since then, and no worker came for it.
    overdue_since: datetime | None

    #: How many lanes have pending events or an unfinished run.
    lanes_with_work: int


def workflow_health(*, now: datetime) -> list[WorkflowHealth]:
    """Return all workflows with what they do now, those that need a person first. Five queries.

    Of those that were retired only what an application has left in them: somebody must see to it.
    """
    numbers, overdue = lane_numbers(), _overdue(now)
    worst = _runs({each.held.worst_run for each in numbers.values()})
    breakers: dict[int, list[Breaker]] = {}
    for breaker in open_breakers():
        breakers.setdefault(breaker.handler.workflow_id, []).append(breaker)
    rows = []
    for workflow in Workflow.objects.select_related("active_version"):
        lanes = numbers.get(workflow.pk, NOTHING)
        if workflow.retired_at is not None and lanes == NOTHING:
            continue
        rows.append(
            WorkflowHealth(
                workflow=workflow,
                state=_state(workflow, lanes, is_overdue=workflow.pk in overdue),
                worst_run=worst.get(lanes.held.worst_run or 0),
                backlog=lanes.backlog,
                held=lanes.held,
                breakers=breakers.get(workflow.pk, []),
                overdue_since=overdue.get(workflow.pk),
                lanes_with_work=lanes.with_work,
            )
        )
    return sorted(rows, key=lambda row: (STATES.index(row.state), row.workflow.slug))


def topics_with_pending(workflow: Workflow) -> QuerySet[Topic]:
    """Return the topics of a workflow, each with the number of its pending events as `pending`."""
    events = Event.objects.filter(topic=OuterRef("pk"), status=Event.Status.PENDING)
    number = events.order_by().values("topic").annotate(number=Count("pk")).values("number")
    return workflow.topics.annotate(pending=Coalesce(Subquery(number), 0))


def _runs(numbers: Iterable[int | None]) -> dict[int, Run]:
    runs = Run.objects.select_related("handler", "mutation", "carried_mutation")
    return runs.in_bulk([number for number in numbers if number is not None])


def _overdue(now: datetime) -> dict[int, datetime]:
    unattended = Q(holder="") | Q(expires_at__lt=Now())
    late = Lease.objects.filter(unattended, next_due_at__lt=now - OVERDUE_AFTER)
    return {pk: due for pk, due in late.values_list("pk", "next_due_at") if due is not None}


def _state(workflow: Workflow, lanes: LaneNumbers, *, is_overdue: bool) -> str:
    if lanes.held.by_what:
        return next(iter(lanes.held.by_what))
    if workflow.status == Workflow.Status.PAUSED:
        return "paused"
    if is_overdue:
        return NO_WORKER
    return WORKING if lanes.held.working or lanes.backlog.pending else "idle"
