"""What came of what (P5): input, events, runs, outside effects, events again, and decisions.

Each function answers for one row and both directions, with a limit, so that a page about a row
that thousands came of costs no more than another.
"""

from __future__ import annotations

from django.db.models import Q, QuerySet

from workflows_app.models import (
    Event,
    EventInput,
    Input,
    Mutation,
    OperatorAction,
    Reservation,
    Run,
    Workflow,
)

LIMIT = 100


def events_of_input(cause: Input) -> QuerySet[Event]:
    """Return the events that came of an input, oldest first."""
    return _events(Event.objects.filter(causes__input=cause))


def runs_of_input(cause: Input) -> QuerySet[Run]:
    """Return the runs that reserved events of an input, oldest first."""
    return _runs(Run.objects.filter(pk__in=_reserving(cause)))


def mutations_of_input(cause: Input) -> QuerySet[Mutation]:
    """Return the outside effects that came of an input, oldest first."""
    effects = Mutation.objects.filter(run__in=_reserving(cause))
    return effects.select_related("run").order_by("pk")[:LIMIT]


def decisions_on_input(cause: Input) -> QuerySet[OperatorAction]:
    """Return the decisions on what came of an input, newest first."""
    events = EventInput.objects.filter(input=cause).values("event")
    return _decisions(Q(event__in=events), Q(run__in=_reserving(cause)))


def inputs_of_event(event: Event) -> QuerySet[Input]:
    """Return what an event came of."""
    return Input.objects.filter(effects__event=event).order_by("pk")[:LIMIT]


def runs_of_event(event: Event) -> QuerySet[Run]:
    """Return the runs that reserved an event, oldest first."""
    return _runs(Run.objects.filter(reservations__event=event))


def inputs_of_run(run: Run) -> QuerySet[Input]:
    """Return what the events that a run reserved came of."""
    return (
        Input.objects.filter(effects__event__reservations__run=run)
        .distinct()
        .order_by("pk")[:LIMIT]
    )


def events_reserved_by(run: Run) -> QuerySet[Event]:
    """Return the events that a run reserved, in its order."""
    reserved = Event.objects.filter(reservations__run=run).defer("payload")
    return reserved.select_related("topic").order_by("reservations__pk")[:LIMIT]


def events_published_by(run: Run) -> QuerySet[Event]:
    """Return the events that a run published."""
    return _events(Event.objects.filter(created_by=run))


def decisions_on_run(run: Run) -> QuerySet[OperatorAction]:
    """Return the decisions on a run and on the events it reserved, newest first."""
    return _decisions(Q(run=run), Q(event__reservations__run=run))


def decisions_on_event(event: Event) -> QuerySet[OperatorAction]:
    """Return the decisions on an event and on the runs that reserved it, newest first."""
    return _decisions(Q(event=event), Q(run__reservations__event=event))


def decisions_on_workflow(workflow: Workflow) -> QuerySet[OperatorAction]:
    """Return the newest decisions on a workflow, its runs and events."""
    return _decisions(Q(workflow=workflow), None)


def _reserving(cause: Input) -> QuerySet[Reservation, int]:
    reservations = Reservation.objects.filter(event__causes__input=cause).order_by()
    return reservations.values_list("run_id", flat=True)


def _events(events: QuerySet[Event]) -> QuerySet[Event]:
    return events.select_related("topic").defer("payload").order_by("pk")[:LIMIT]


def _runs(runs: QuerySet[Run]) -> QuerySet[Run]:
    with_effects = runs.select_related("workflow", "handler", "mutation", "carried_mutation")
    return with_effects.order_by("pk")[:LIMIT]


def _decisions(direct: Q, related: Q | None) -> QuerySet[OperatorAction]:
    """Return both kinds, each by its own index; no decision is of both."""
    rows = OperatorAction.objects.order_by().select_related(
        "run__mutation", "run__carried_mutation", "event", "workflow"
    )
    found = rows.filter(direct)
    if related is not None:
        found = found.union(rows.filter(related), all=True)
    return found.order_by("-id")[:LIMIT]
