"""Reading the pending events of a lane, oldest first: what `ctx.peek` and `ctx.get` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workflows_app.models import Event
from workflows_app.models.rows import Instances

#: For each place of the arrays: a topic, a lane, how many. The place, from 1, comes along.
_OLDEST = """
    SELECT wanted.place, {columns}
      FROM unnest($1::bigint[], $2::text[], $3::int[]) WITH ORDINALITY
           AS wanted(topic, lane, most, place)
     CROSS JOIN LATERAL (
           SELECT event.* FROM workflows_app_event event
            WHERE event.topic_id = wanted.topic AND event.lane = wanted.lane
              AND event.status = 'pending'
            ORDER BY event.id + 0 LIMIT wanted.most) event
     ORDER BY wanted.place, event.id
"""
#: What a handler is shown, and a checkpoint compares.
SHOWN = ("id", "topic", "message_id", "payload", "revision", "status", "lane")


@dataclass(frozen=True)
class Want:
    """The oldest pending events of one topic and lane that somebody wants to see."""

    topic_id: int
    lane: str
    limit: int


def oldest(wants: Sequence[Want]) -> Instances[Event]:
    """Return the query of the events of all `wants`; each event's `place`, from 1, tells of which."""
    arrays = (
        [want.topic_id for want in wants],
        [want.lane for want in wants],
        [want.limit for want in wants],
    )
    return Instances(_OLDEST, arrays, Event, SHOWN, alias="event", extra=("place",))


@dataclass(frozen=True)
class LaneReader:
    """Reads for one run, on the connection of whoever asks."""

    topics: Mapping[str, int]
    lane: str

    def oldest(self, topic: str, limit: int) -> list[Event]:
        return oldest([Want(self.topics[topic], self.lane, limit)]).read()

    def named(self, topic: str, message_ids: list[str]) -> list[Event]:
        found = Event.objects.filter(
            topic_id=self.topics[topic],
            lane=self.lane,
            status=Event.Status.PENDING,
            message_id__in=message_ids,
        )
        return list(found.order_by("pk"))
