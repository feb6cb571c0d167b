"""What a person turns to when they have decided: the oldest that waits for somebody (P8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workflows_app.deciders import may_decide_about
from workflows_app.models import Run
from workflows_app.queries.taking import taken_by

#: How many of the oldest are looked at: where others look into all of them, one more cook helps nobody.
LOOKED_AT = 50
#: More than this are not counted.
COUNTED_AT_MOST = 1_000


@dataclass(frozen=True)
class NextWaiting:
    """`run`: the oldest that nobody else looks into and that the person may decide about, if there is one."""

    run: Run | None
    #: How many wait for a person, those of others too; one more than `COUNTED_AT_MOST` if there are more.
    number: int


def next_waiting(person: Any) -> NextWaiting:
    """Return what waits for `person` next. Three queries, and one for each workflow with deciders of its own."""
    waiting = Run.objects.filter(Run.blocking_filter())
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
    return NextWaiting(next(free, None), waiting.order_by()[: COUNTED_AT_MOST + 1].count())
