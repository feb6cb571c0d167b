"""How many lanes of each workflow wait for what, and how many events wait in them (P2, P8).

The home page asks for all workflows at once. One pass over the unfinished runs and one over the pending events are
joined by lane in the database: thousands of held lanes give one row a workflow.
"""

# ruff: noqa: S608 - what is put into the statement is Django's own, or stands in this module
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import BoolOr
from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import BigIntegerField, Case, Count, F, Func, Min, Q, Sum, When

from workflows_app.models import Event, Run, Workflow
from workflows_app.queries.lanes import HOLDS, holds, own_pending, severity, since, unfinished


@dataclass(frozen=True)
class Backlog:
    """The pending events of one workflow."""

    pending: int = 0
    #: Of topics that no consumer of the active version takes; not among `pending`.
    orphaned: int = 0
    oldest_pending_at: datetime | None = None
    #: How many lanes they are in.
    lanes: int = 0


@dataclass(frozen=True)
class HeldLanes:
    """The lanes of one workflow in which a run is unfinished."""

    #: How many are held, by what of HOLDS; what holds none is not there.
    by_what: dict[str, int]
    #: How many have a run at work.
    working: int = 0
    #: How many of all these have no pending event.
    without_events: int = 0
    #: Since when the first of them is held.
    since: datetime | None = None
    #: Pending events of lanes that are held, but for those that a failed run is about.
    waiting_behind: int = 0
    #: The number of the unfinished run that matters most.
    worst_run: int | None = None

    @property
    def number(self) -> int:
        return sum(self.by_what.values())


@dataclass(frozen=True)
class LaneNumbers:
    """The numbers of one workflow."""

    backlog: Backlog
    held: HeldLanes

    @property
    def with_work(self) -> int:
        """Return how many lanes have pending events or an unfinished run."""
        return self.backlog.lanes + self.held.without_events


NOTHING = LaneNumbers(Backlog(), HeldLanes({}))


def lane_numbers(workflow: Workflow | None = None) -> dict[int, LaneNumbers]:
    """Return the numbers by the id of their workflow; a workflow without any is not there. One query."""
    runs, events = Q(unfinished()), Q(status=Event.Status.PENDING)
    if workflow is not None:
        runs, events = runs & Q(workflow=workflow), events & Q(topic__in=_topics_of(workflow))
    kept, of_kept = _kept(runs).query.sql_with_params()
    pending, of_pending = _pending(events).query.sql_with_params()
    by_what = ", ".join(f"sum(kept.{_name(word)})" for word in HOLDS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH kept AS MATERIALIZED ({kept}), pending AS MATERIALIZED ({pending})
            SELECT coalesce(kept.of_workflow, pending.of_workflow),
                   coalesce(sum(pending.number) FILTER (WHERE pending.is_taken), 0),
                   coalesce(sum(pending.number) FILTER (WHERE NOT pending.is_taken), 0),
                   min(pending.oldest) FILTER (WHERE pending.is_taken),
                   count(pending.of_lane),
                   coalesce(sum(kept.working), 0),
                   count(kept.of_lane) FILTER (WHERE pending.of_lane IS NULL),
                   min(kept.held_since),
                   coalesce(sum(pending.number - kept.own) FILTER (WHERE kept.is_held), 0),
                   (min(kept.worst))[2],
                   {by_what}
              FROM kept
              FULL JOIN pending
                ON pending.of_workflow = kept.of_workflow AND pending.of_lane = kept.of_lane
             GROUP BY 1
            """,
            (*of_kept, *of_pending),
        )
        return {workflow_id: _read(*numbers) for workflow_id, *numbers in cursor.fetchall()}


def _topics_of(workflow: Workflow) -> list[int]:
    return list(workflow.topics.values_list("pk", flat=True))


def _kept(runs: Q) -> Any:
    """Return the lanes that unfinished runs keep. An owed retry and an open run may share one."""
    worst = Func(
        severity(),
        F("pk"),
        template="ARRAY[%(expressions)s]",
        output_field=ArrayField(BigIntegerField()),
    )
    numbers = {_name(word): Count("pk", filter=condition) for word, condition in HOLDS.items()}
    lanes = Run.objects.filter(runs).order_by().values(of_workflow=F("workflow"), of_lane=F("lane"))
    return lanes.annotate(
        working=Count("pk", filter=~holds()),
        is_held=BoolOr(Case(When(holds(), then=True), default=False)),
        held_since=Min(since(), filter=holds()),
        worst=Min(worst),
        # Only what ended has given its events back.
        own=Sum(Case(When(owes_retry=True, then=own_pending()), default=0)),
        **numbers,
    )


def _pending(events: Q) -> Any:
    """Return the lanes with pending events. What nobody takes stands in none."""
    is_taken = Q(topic__consumer__isnull=False)
    lanes = (
        Event.objects.filter(events)
        .order_by()
        .values(
            of_workflow=F("topic__workflow"),
            is_taken=Case(When(is_taken, then=True), default=False),
            of_lane=Case(When(is_taken, then=F("lane"))),
        )
    )
    return lanes.annotate(number=Count("*"), oldest=Min("created_at"))


def _read(
    pending: Any,
    orphaned: Any,
    oldest: datetime | None,
    lanes: int,
    working: Any,
    without_events: int,
    held_since: datetime | None,
    behind: Any,
    worst: int | None,
    *by_what: Any,
) -> LaneNumbers:
    held = {word: int(n) for word, n in zip(HOLDS, by_what, strict=True) if n}
    return LaneNumbers(
        Backlog(int(pending), int(orphaned), oldest, lanes),
        HeldLanes(held, int(working), without_events, held_since, int(behind), worst),
    )


def _name(word: str) -> str:
    return word.replace(" ", "_")
