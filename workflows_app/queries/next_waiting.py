"""What a person turns to when they have decided: the oldest that waits for somebody, of the same workflow first (P8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from workflows_app.deciders import may_decide_about
from workflows_app.models import Run
from workflows_app.queries.taking import taken_by

#: How many of the oldest are looked at: where others look into all of them, one more cook helps nobody.
LOOKED_AT = 50
#: More than this are not counted.
COUNTED_AT_MOST = 1_000


@dataclass(frozen=True)
class NextWaiting:
    """`run`: what the person turns to, if there is anything that nobody else looks into and that they may decide about."""

    run: Run | None
    #: How many wait for a person, those of others too; one more than `COUNTED_AT_MOST` if there are more.
    number: int


def next_waiting(person: Any, *, near: int) -> NextWaiting:
    """Return what waits for `person` next: of the workflow `near`, from which they come, first, then of any other.

    Five queries at most, and one for each workflow with deciders of its own.
    """
    waiting = Run.objects.filter(Run.blocking_filter())
    found = _oldest_free(waiting.filter(workflow=near), person) or _oldest_free(waiting, person)
    return NextWaiting(found, waiting.order_by()[: COUNTED_AT_MOST + 1].count())


def _oldest_free(waiting: QuerySet[Run], person: Any) -> Run | None:
    """Return the oldest that nobody else looks into and that `person` may decide about."""
    oldest = list(
        waiting.select_related("workflow", "handler").order_by("started_at", "pk")[:LOOKED_AT]
    )
    takers = taken_by([run.pk for run in oldest])
    slugs = {run.workflow.slug for run in oldest}
    own = {slug for slug in slugs if may_decide_about(person, slug)}
    free = (
        run
        for run in oldest
        if run.workflow.slug in own
        and (run.pk not in takers or takers[run.pk].actor_id == person.pk)
    )
    return next(free, None)
