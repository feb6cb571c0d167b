"""Reading the pending events of a lane, oldest first: what `ctx.peek` and `ctx.get` show."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, connections

from workflows_app.models import Event, Topic
from workflows_app.models.rows import Instances, columns

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
#: How many threads of a process read for a handler at once: threads are many, the server's connections few.
_READERS = threading.BoundedSemaphore(4)
#: What a handler is shown, and a checkpoint compares.
_SHOWN = ("id", "topic", "message_id", "payload", "revision", "status", "lane")


def oldest(wanted: Iterable[tuple[int, str, int]]) -> Instances[Event]:
    """Return the query of the oldest pending events of each topic and lane in `wanted`, so many at most.

    Each event's `place`, from 1, tells of which.
    """
    arrays = columns(wanted, 3)
    return Instances(_OLDEST, arrays, Event, _SHOWN, alias="event", extra=("place",))


@contextmanager
def _connected() -> Iterator[None]:
    """Read on the connection that this thread has; one that has none borrows one, and gives it back."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.connection is not None:
        yield
        return
    with _READERS:
        try:
            yield
        finally:
            connection.close()


@dataclass(frozen=True)
class LaneReader:
    """Reads the pending events of a run's lane, oldest first, in the thread of whoever asks."""

    topics: Mapping[str, Topic]
    lane: str

    def oldest(self, topic: str, limit: int) -> list[Event]:
        with _connected():
            return oldest([(self.topics[topic].pk, self.lane, limit)]).read()

    def named(self, topic: str, message_ids: list[str]) -> list[Event]:
        found = Event.objects.filter(
            topic=self.topics[topic],
            lane=self.lane,
            status=Event.Status.PENDING,
            message_id__in=message_ids,
        )
        with _connected():
            return list(found.order_by("pk"))
