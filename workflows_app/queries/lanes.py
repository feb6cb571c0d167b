"""Which lanes are held: by which run, since when, why, and how much waits behind it (P2, P8).

A run that is blocked, reconciling, or over and still owing a retry holds its lane up. An active run is at
work in it: nobody needs to hear of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Concat
from django.utils.translation import gettext as _

from workflows_app.conf import PRODUCER_LANE
from workflows_app.models import Event, Handler, LaneState, Mutation, Run, Workflow
from workflows_app.models.workflows import MAIN_LANE

#: What an unfinished run does to its lane, in a word, the worst first. "working" does not hold it up.
HOLDS = {
    "blocked": Q(status=Run.Status.BLOCKED),
    "failed": Run.waits_without_date(),
    "backing off": Q(owes_retry=True) & ~Run.waits_without_date(),
    "reconciling": Q(status=Run.Status.RECONCILING),
}
WORKING = "working"

#: Lists of lanes show no more of them.
LIMIT = 100


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
    #: Pending events of lanes that are held.
    waiting_behind: int = 0

    @property
    def number(self) -> int:
        return sum(self.by_what.values())


NO_LANES = HeldLanes({})


def unfinished() -> Q:
    """Return what makes a run keep its lane: it is open, or it owes a retry."""
    return Q(status__in=Run.OPEN) | Q(owes_retry=True)


def holds() -> Q:
    """Return what makes a run hold its lane up."""
    return Q(status__in=[Run.Status.BLOCKED, Run.Status.RECONCILING]) | Q(owes_retry=True)


def hold() -> Case:
    """Return the word for what an unfinished run does to its lane."""
    whens = [When(condition, then=Value(word)) for word, condition in HOLDS.items()]
    return Case(*whens, default=Value(WORKING), output_field=CharField())


def severity() -> Case:
    """Return by what unfinished runs are ordered, the worst first."""
    whens = [When(condition, then=Value(at)) for at, condition in enumerate(HOLDS.values())]
    return Case(*whens, default=Value(len(HOLDS)))


def held_lanes() -> dict[int, HeldLanes]:
    """Return the lanes with unfinished runs, by the id of their workflow. Three queries, of any number of lanes."""
    runs = Run.objects.filter(unfinished()).order_by()
    counted = runs.values_list("workflow").annotate(
        working=Count("pk", filter=~holds()),
        since=Min(_since(), filter=holds()),
        **{_name(word): Count("pk", filter=condition) for word, condition in HOLDS.items()},
    )
    # An owed retry and an open run may share a lane: what one of them holds is held.
    of_lanes = runs.values_list("workflow", "lane").annotate(held=Count("pk", filter=holds()))
    pending = _pending_by_lane()
    behind: dict[int, int] = {}
    empty: dict[int, int] = {}
    for workflow, lane, held in of_lanes:
        number = pending.get((workflow, lane), 0)
        behind[workflow] = behind.get(workflow, 0) + (number if held else 0)
        empty[workflow] = empty.get(workflow, 0) + (number == 0)
    found = {}
    for workflow, working, since, *numbers in counted:
        by_what = {word: n for word, n in zip(HOLDS, numbers, strict=True) if n}
        found[workflow] = HeldLanes(
            by_what, working, empty.get(workflow, 0), since, behind.get(workflow, 0)
        )
    return found


def _pending_by_lane() -> dict[tuple[int, str], int]:
    """Return how many events are pending in each lane that an unfinished run keeps."""
    keeps = Run.objects.filter(
        unfinished(), workflow=OuterRef("topic__workflow"), lane=OuterRef("lane")
    )
    events = Event.objects.filter(
        Exists(keeps), topic__consumer__isnull=False, status=Event.Status.PENDING
    )
    counted = events.order_by().values_list("topic__workflow", "lane").annotate(n=Count("pk"))
    return {(workflow, lane): number for workflow, lane, number in counted if lane is not None}


def worst_runs() -> dict[int, Run]:
    """Return of each workflow the unfinished run that matters most, by its id. One query."""
    runs = (
        Run.objects.filter(unfinished())
        .select_related("handler", "mutation", "carried_mutation")
        .annotate(hold=hold(), severity=severity())
        .order_by("workflow_id", "severity", "pk")
        .distinct("workflow_id")
    )
    return {run.workflow_id: run for run in runs}


def holding_runs(workflow: Workflow) -> QuerySet[Any]:
    """Return the runs that hold lanes of `workflow` up, the worst first, with what `with_lane` adds."""
    runs = Run.objects.filter(holds(), workflow=workflow).select_related(
        "handler", "mutation", "carried_mutation"
    )
    return with_lane(runs).order_by(severity(), _since(), "pk")


def lanes_with_work(workflow: Workflow) -> int:
    """Return how many lanes have pending events or an unfinished run. One query."""
    pending = Event.objects.filter(
        topic__workflow=workflow,
        topic__consumer__isnull=False,
        lane__isnull=False,
        status=Event.Status.PENDING,
    )
    taken = Run.objects.filter(unfinished(), workflow=workflow)
    lanes = pending.order_by().values("lane").union(taken.order_by().values("lane"))
    return lanes.count()


def with_lane(runs: QuerySet[Run]) -> QuerySet[Any]:
    """Annotate `hold`, `held_since`, `why` and `waiting_behind`."""
    return runs.annotate(
        hold=hold(), held_since=_since(), why=why(), waiting_behind=_waiting_behind()
    )


def why() -> Case:
    """Return the host's reason for what holds a run up; nothing if nothing does."""
    # A person who lets the host ask, or stops it, has reasons for that: not why it is unknown.
    by_the_host = Mutation.history.model.objects.filter(
        id=OuterRef("mutation__pk"), history_user=None
    ).order_by("-history_id")
    crashes = Run.history.model.objects.filter(
        id=OuterRef("pk"), status=Run.Status.CRASHED
    ).order_by("history_id")
    return Case(
        When(
            status__in=[Run.Status.BLOCKED, Run.Status.RECONCILING],
            then=Coalesce(Subquery(by_the_host.values("history_change_reason")[:1]), Value("")),
        ),
        When(
            status=Run.Status.CRASHED,
            then=Coalesce(Subquery(crashes.values("history_change_reason")[:1]), Value("")),
        ),
        default=F("failure_message"),
        output_field=TextField(),
    )


def lanes_of(handler: Handler) -> QuerySet[LaneState]:
    """Return what a handler knows of its lanes, those that are held first."""
    return handler.lanes.order_by("-is_held", "lane")


def with_next_at(handlers: QuerySet[Handler]) -> QuerySet[Handler]:
    """Annotate `next_at`: when each wants to run again in the lane that it has without naming one."""
    own = Case(
        When(kind=Handler.Kind.PRODUCER, then=Concat(Value(PRODUCER_LANE), "name")),
        default=Value(MAIN_LANE),
        output_field=CharField(),
    )
    state = LaneState.objects.filter(handler=OuterRef("pk"), lane=OuterRef("own_lane_name"))
    return handlers.annotate(own_lane_name=own).annotate(
        next_at=Subquery(state.values("wake_at")[:1])
    )


def lane_in_words(lane: str) -> str:
    """Return a lane as people read it within a sentence."""
    return _("lane “%(lane)s”") % {"lane": lane} if lane else _("the main lane")


def _since() -> Coalesce:
    """Return since when a run holds its lane up. Attempts before it are not counted."""
    return Coalesce("ended_at", "started_at")


def _waiting_behind() -> Any:
    """Return how many pending events are in the lane of a run."""
    pending = Event.objects.filter(
        topic__workflow=OuterRef("workflow"),
        topic__consumer__isnull=False,
        lane=OuterRef("lane"),
        status=Event.Status.PENDING,
    )
    number = pending.order_by().values("topic__workflow").annotate(number=Count("pk"))
    return Coalesce(Subquery(number.values("number")), 0)


def _name(word: str) -> str:
    return word.replace(" ", "_")
