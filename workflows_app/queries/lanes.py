"""Which lanes are held: by which run, since when, why, and how much waits behind it (P2, P8).

A run that is blocked, reconciling, or over and still owing a retry holds its lane up. An active run is at
work in it: nobody needs to hear of that.
"""

from __future__ import annotations

from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    F,
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
from workflows_app.models import Event, Handler, LaneState, Mutation, Reservation, Run, Workflow
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


def holding_runs(workflow: Workflow, limit: int) -> list[Any]:
    """Return the runs that hold lanes of `workflow` up, the worst first, with what `with_lane` adds. Two queries."""
    order = (severity(), since(), "pk")
    holding = Run.objects.filter(holds(), workflow=workflow).order_by(*order)
    # What is told of a run is read for those alone that are shown.
    worst = Run.objects.filter(pk__in=list(holding.values_list("pk", flat=True)[:limit]))
    near = worst.select_related("handler", "mutation", "carried_mutation")
    return list(with_lane(near).order_by(*order))


def with_lane(runs: QuerySet[Run]) -> QuerySet[Any]:
    """Annotate `hold`, `held_since`, `why` and `waiting_behind`."""
    return runs.annotate(
        hold=hold(), held_since=since(), why=why(), waiting_behind=_waiting_behind()
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
    """Annotate `next_at` and `failures`: when each wants to run again in the lane that it has without naming one,
    and how many of its last polls failed.
    """
    own = Case(
        When(kind=Handler.Kind.PRODUCER, then=Concat(Value(PRODUCER_LANE), "name")),
        default=Value(MAIN_LANE),
        output_field=CharField(),
    )
    state = LaneState.objects.filter(handler=OuterRef("pk"), lane=OuterRef("own_lane_name"))
    return handlers.annotate(own_lane_name=own).annotate(
        next_at=Subquery(state.values("wake_at")[:1]),
        failures=Subquery(state.values("failures")[:1]),
    )


def lane_in_words(lane: str) -> str:
    """Return a lane as people read it within a sentence."""
    return _("lane “%(lane)s”") % {"lane": lane} if lane else _("the main lane")


def since() -> Coalesce:
    """Return since when a run holds its lane up. Attempts before it are not counted."""
    return Coalesce("ended_at", "started_at")


def own_pending() -> Coalesce:
    """Return how many pending events of its lane a run is itself about: they don't wait behind it."""
    own = Reservation.objects.filter(
        run=OuterRef("pk"),
        event__status=Event.Status.PENDING,
        event__lane=OuterRef("lane"),
        event__topic__consumer__isnull=False,
    )
    number = own.order_by().values("run").annotate(number=Count("pk"))
    return Coalesce(Subquery(number.values("number")), 0)


def _waiting_behind() -> Any:
    """Return how many pending events are in the lane of a run, without its own."""
    pending = Event.objects.filter(
        topic__workflow=OuterRef("workflow"),
        topic__consumer__isnull=False,
        lane=OuterRef("lane"),
        status=Event.Status.PENDING,
    )
    number = pending.order_by().values("topic__workflow").annotate(number=Count("pk"))
    return Coalesce(Subquery(number.values("number")), 0) - own_pending()
