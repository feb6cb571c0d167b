"""What became of the events of a run that has ended (P2): by its own doing, or by another's.

A run that failed gave its events back. Whoever took over may have taken others; so the page tells of each event
what became of it, and which run did that.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from workflows_app.models import Event, Mutation, Reservation, Run


@dataclass(frozen=True)
class Fate:
    """An event of a run, and what it is now."""

    event: Event
    #: The run that holds it, or consumed it, or with which it was skipped; none if it was skipped by itself.
    by: Run | None


def fates_of(events: list[Event]) -> list[Fate]:
    """Return what became of each of `events`. Two queries."""
    last = Reservation.objects.filter(event=OuterRef("pk")).order_by("-pk").values("run")[:1]
    keys = [event.pk for event in events]
    holders = dict(
        Event.objects.filter(pk__in=keys).order_by().values_list("pk", Subquery(last)).distinct()
    )
    wanted = {
        event.pk: holders.get(event.pk)
        for event in events
        if event.status in (Event.Status.CONSUMED, Event.Status.RESERVED, Event.Status.SKIPPED)
    }
    with_effects = Run.objects.select_related("handler", "mutation", "carried_mutation")
    runs = with_effects.in_bulk({pk for pk in wanted.values() if pk})
    return [Fate(event, _by(event, runs.get(wanted.get(event.pk)))) for event in events]


def _by(event: Event, last: Run | None) -> Run | None:
    """Return the `last` run that reserved it, but for an event that a person skipped after that had ended."""
    effect = last.settled_mutation if last is not None else None
    went_with_it = effect is not None and effect.status == Mutation.Status.SKIPPED
    return last if went_with_it or event.status != Event.Status.SKIPPED else None
