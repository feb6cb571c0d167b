"""How the workflows do: a row each, and a few numbers, in a number of queries that does not grow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from workflows_app.models import Event, Lease, Run, Topic, Workflow

#: The sweep looks every few seconds: what is due this long found no worker.
OVERDUE_AFTER = timedelta(minutes=1)

#: Those that need somebody come first.
STATES = ["blocked", "failed", "backing off", "paused", "reconciling", "working", "idle"]


@dataclass(frozen=True)
class Backlog:
    """The pending events of one workflow."""

    pending: int = 0
    #: Of topics that no consumer of the active version takes; not among `pending`.
    orphaned: int = 0
    oldest_pending_at: datetime | None = None


@dataclass(frozen=True)
class WorkflowHealth:
    """One workflow as an operator wants to see it."""

    workflow: Workflow
    #: In a word, one of STATES.
    state: str
    open_run: Run | None
    backlog: Backlog
    #: Something is due since then, and no worker came for it.
    overdue_since: datetime | None


def workflow_health(*, now: datetime) -> list[WorkflowHealth]:
    """Return all workflows with what they do now, those that need a person first. Four queries."""
    backlogs = _backlogs()
    overdue = _overdue(now)
    unfinished = Run.objects.filter(status__in=Run.OPEN) | Run.objects.filter(owes_retry=True)
    runs = {run.workflow_id: run for run in unfinished.select_related("handler").order_by("pk")}
    rows = []
    for workflow in Workflow.objects.select_related("active_version"):
        run, backlog = runs.get(workflow.pk), backlogs.get(workflow.pk, Backlog())
        state = _state(workflow, run, backlog.pending)
        rows.append(WorkflowHealth(workflow, state, run, backlog, overdue.get(workflow.pk)))
    return sorted(rows, key=lambda row: (STATES.index(row.state), row.workflow.slug))


def topics_with_pending(workflow: Workflow) -> QuerySet[Topic]:
    """Return the topics of a workflow, each with the number of its pending events as `pending`."""
    events = Event.objects.filter(topic=OuterRef("pk"), status=Event.Status.PENDING)
    number = events.order_by().values("topic").annotate(number=Count("pk")).values("number")
    return workflow.topics.annotate(pending=Coalesce(Subquery(number), 0))


def _backlogs() -> dict[int, Backlog]:
    taken = Q(topic__consumer__isnull=False)
    counted = (
        Event.objects.filter(status=Event.Status.PENDING)
        .order_by()
        .values_list("topic__workflow")
        .annotate(
            pending=Count("pk", filter=taken),
            orphaned=Count("pk", filter=~taken),
            oldest_pending_at=Min("created_at", filter=taken),
        )
    )
    return {workflow: Backlog(*numbers) for workflow, *numbers in counted}


def _overdue(now: datetime) -> dict[int, datetime]:
    unattended = Q(holder="") | Q(expires_at__lt=Now())
    late = Lease.objects.filter(unattended, next_due_at__lt=now - OVERDUE_AFTER)
    return {pk: due for pk, due in late.values_list("pk", "next_due_at") if due is not None}


def _state(workflow: Workflow, run: Run | None, pending: int) -> str:
    if run is not None and run.status == Run.Status.BLOCKED:
        return "blocked"
    if run is not None and run.status == Run.Status.RECONCILING:
        return "reconciling"
    if run is not None and run.owes_retry:
        return "backing off" if run.retry_due_at else "failed"
    if workflow.status == Workflow.Status.PAUSED:
        return "paused"
    return "working" if run is not None or pending else "idle"
