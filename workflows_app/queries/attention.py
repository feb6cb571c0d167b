"""What needs a person, most urgent first (P2, P3, P8).

Four things wait for somebody without anybody coming by itself: an outside system that gives no answers
any more, so that a breaker holds the calls back; an outside effect of which nobody knows whether it
happened; a failed run that no date brings back; and an answer that came late and says the opposite of
what the ledger holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, QuerySet, Subquery, Window
from django.db.models.functions import RowNumber

from workflows_app.models import Breaker, Evidence, Mutation, OperatorAction, Run

#: How long a contradiction stays among what needs a person. In the ledger it stays for good.
CONTRADICTION_SHOWN_FOR = timedelta(days=30)
#: What calls outside, of a run. Looked up for each of those that wait, however many are done.
MUTATOR = Subquery(Mutation.objects.filter(run=OuterRef("pk")).order_by().values("mutator")[:1])
#: Of the runs that opened a breaker no more are listed.
MOST_UNKNOWN_SHOWN = 10


def open_breakers() -> QuerySet[Breaker]:
    """Return the breakers that let no calls out, or one as a trial, the longest open first."""
    return (
        Breaker.objects.exclude(status=Breaker.Status.CLOSED)
        # What has ended makes no calls.
        .filter(handler__workflow__retired_at=None)
        .select_related("handler__workflow")
        .order_by("opened_at", "pk")
    )


def last_unknown_runs(breaker: Breaker) -> QuerySet[Any]:
    """Return the runs whose unknown outcomes a breaker counts, with `told` and `told_at`, the last first.

    Of many the newest: they tell what is the matter.
    """
    unknown = Evidence.objects.filter(
        mutation__run=OuterRef("pk"),
        kind=Evidence.Kind.EXECUTE,
        verdict=Evidence.Verdict.UNKNOWN,
    )
    return (
        Run.objects.filter(Exists(unknown), handler=breaker.handler_id)
        .select_related("handler", "workflow", "mutation", "carried_mutation")
        .annotate(
            told=Subquery(unknown.values("detail")[:1]),
            told_at=Subquery(unknown.values("created_at")[:1]),
        )
        .order_by("-pk")[: min(breaker.unknowns, MOST_UNKNOWN_SHOWN)]
    )


def blocked_runs() -> QuerySet[Run]:
    """Return the runs that only a person can settle, with `blocked_at`, longest waiting first."""
    became_blocked = (
        Run.history.model.objects.filter(id=OuterRef("pk"), status=Run.Status.BLOCKED)
        .order_by("-history_id")
        .values("history_date")[:1]
    )
    return (
        Run.objects.filter(status=Run.Status.BLOCKED)
        .select_related("workflow", "handler", "mutation", "carried_mutation")
        .annotate(blocked_at=Subquery(became_blocked))
        .order_by(F("blocked_at").asc(nulls_first=True), "pk")
    )


def failures_that_wait() -> QuerySet[Run]:
    """Return the failed runs that no backoff will retry: a person or a new version must."""
    return (
        Run.objects.filter(Run.waits_without_date())
        .select_related("workflow", "handler", "mutation", "carried_mutation")
        .order_by("ended_at", "pk")
    )


def contradictions(*, now: datetime) -> QuerySet[Evidence]:
    """Return recent late answers that say the opposite of what the ledger holds, newest first.

    Without those that somebody has looked into since: who took the run, or decided about it again.
    """
    since = OperatorAction.objects.filter(
        run=OuterRef("mutation__run"), created_at__gte=OuterRef("created_at")
    ).exclude(operation=OperatorAction.Operation.ADD_NOTE)
    return (
        Evidence.objects.filter(contradicts=True, created_at__gte=now - CONTRADICTION_SHOWN_FOR)
        .filter(~Exists(since))
        .select_related("mutation__run__workflow")
        .order_by("-created_at", "-pk")
    )


@dataclass(frozen=True)
class Group:
    """What waits for a person for the same outside system, or the same handler, of one workflow."""

    workflow_id: int
    #: The mutator; of runs that called nothing, the handler.
    outside: str
    #: How many there are.
    number: int
    #: Those that wait longest, the longest first.
    runs: list[Run]

    @property
    def more(self) -> int:
        return self.number - len(self.runs)


def in_groups(runs: QuerySet[Run], *, by: Any, each: int, most: int) -> tuple[list[Group], int]:
    """Return what waits, by workflow and `by`, the group of the oldest first, and how many there are in all.

    `by` is what a group shares, as `MUTATOR`. Of each group `each` runs are read, and `most` of
    all. Three queries.
    """
    place = Window(RowNumber(), partition_by=["workflow", "outside"], order_by=["started_at", "pk"])
    first = (
        runs.annotate(outside=by)
        .order_by("started_at", "pk")
        .annotate(place=place, number=Window(Count("pk"), partition_by=["workflow", "outside"]))
        .filter(place__lte=each)
    )
    # What is shown of a run is read for those alone.
    numbers = dict(first.values_list("pk", "number")[:most])
    shown = runs.filter(pk__in=numbers).annotate(outside=by).order_by("started_at", "pk")
    found: dict[tuple[int, str], list[Any]] = {}
    for run in shown:
        found.setdefault((run.workflow_id, run.outside), []).append(run)
    groups = [
        Group(workflow, name or "", numbers[listed[0].pk], listed)
        for (workflow, name), listed in found.items()
    ]
    return groups, runs.count()
