"""What waits behind a run that holds its lane (P8): how many events, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from workflows_app.models import Event, Run, Topic

#: More are not counted: a page needs no more than to know that they are many.
COUNTED_AT_MOST = 1_000


@dataclass(frozen=True)
class Behind:
    """The pending events of a lane, but for those that the run itself is about."""

    number: int
    #: There are more than `number`.
    is_more: bool
    oldest_at: datetime | None


def waiting_behind(run: Run) -> Behind:
    """Return what is pending in the lane of `run` behind it. Three queries, of which each reads a bounded number of rows."""
    topics = Topic.objects.filter(workflow=run.workflow_id, consumer__isnull=False)
    own = list(run.reservations.values_list("event", flat=True))
    waiting = Event.objects.filter(lane=run.lane, status=Event.Status.PENDING).exclude(pk__in=own)
    of_topics = waiting.filter(topic__in=topics.values("pk")).order_by()
    number = of_topics[: COUNTED_AT_MOST + 1].count()
    first = waiting.filter(topic=OuterRef("pk")).order_by(Event.IN_ORDER).values("created_at")[:1]
    oldest = [at for at in topics.values_list(Subquery(first), flat=True) if at is not None]
    return Behind(min(number, COUNTED_AT_MOST), number > COUNTED_AT_MOST, min(oldest, default=None))
