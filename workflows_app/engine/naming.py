"""Naming the lanes of events that have none: asking the code, in a thread, and writing what it said (P2, P8).

An event has no lane if its publisher had no code to name it. What the code can't name waits, as an event
that is pending with its reason, until its payload or the code changes; it holds nothing up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workflows_app.engine import lanes as lane_states
from workflows_app.engine.case import Changes
from workflows_app.engine.holding import Holding
from workflows_app.engine.items import Naming
from workflows_app.engine.jobs import Job
from workflows_app.engine.log import logger
from workflows_app.errors import LaneRefused
from workflows_app.models import Event, LaneRefusal
from workflows_app.models.collecting import then
from workflows_app.models.saving import save_with_history
from workflows_app.sdk.lanes import lane_of


class NamingJob(Job):
    """Names the lanes of events that have none. The one that it was at when its time is over has none."""

    def __init__(
        self, holding: Holding, events: list[Event], *, tell: Callable[[Any], None]
    ) -> None:
        self._holding = holding
        self._events = events
        self._lanes: dict[int, tuple[int, str]] = {}
        self._refused: dict[int, tuple[int, str]] = {}
        self._at: Event | None = None
        self._seconds = holding.policy.handler_timeout_seconds
        super().__init__(
            self._name_all,
            seconds=self._seconds,
            done=lambda answer: tell(self._named()),
            late=lambda answer: None,
        )

    def give_up_naming(self) -> Naming | None:
        """Wait no longer: return what is named, or None if it has ended by itself."""
        if self.give_up() is None:
            return None
        at = self._at
        if at is not None:
            logger.error("event.lane_hung event=%s seconds=%g", at.pk, self._seconds)
            why = f"Naming its lane took longer than {self._seconds:g} s."
            self._refused[at.pk] = (at.revision, why)
        return self._named()

    def _name_all(self) -> None:
        topics = {topic.pk: name for name, topic in self._holding.topics.items()}
        for event in self._events:
            if self.is_over:
                return
            self._at = event
            topic = topics[event.topic_id]
            try:
                lane = lane_of(self._holding.code, topic, event.message_id, event.payload)
            except LaneRefused as refused:
                logger.error("event.lane_refused event=%s: %s", event.pk, refused)
                self._refused[event.pk] = (event.revision, str(refused))
            else:
                if lane is None:
                    why = f"The code has no consumer of topic '{topic}'."
                    self._refused[event.pk] = (event.revision, why)
                else:
                    self._lanes[event.pk] = (event.revision, lane)
        self._at = None

    def _named(self) -> Naming:
        return Naming(self._holding, dict(self._lanes), dict(self._refused))


def write_naming(naming: Naming, locked: Mapping[int, Event], changes: Changes) -> None:
    """Write what the code said of the events among `locked` that are as it saw them.

    Needs the workflow's lock, within `collected`.
    """
    if not naming.holding.is_current:
        # Deployed meanwhile: what the old code says does not count.
        return
    for pk, (revision, lane) in naming.lanes.items():
        event = _taken(pk, revision, locked, changes)
        if event is None:
            continue
        event.lane = lane
        save_with_history(event, reason="its lane was named", fields=["lane"])
        topic = next(t for t in naming.holding.topics.values() if t.pk == event.topic_id)
        if topic.consumer_id is not None:
            changes.news.add((topic.consumer_id, lane))
            naming.holding.is_to_look = True
    version = naming.holding.workflow.active_version
    refused = [
        LaneRefusal(event_id=pk, revision=revision, version=version, why=why)
        for pk, (revision, why) in naming.refused.items()
        if _taken(pk, revision, locked, changes) is not None
    ]
    then(lane_states.refuse(refused, named=list(naming.lanes)))


def _taken(pk: int, revision: int, locked: Mapping[int, Event], changes: Changes) -> Event | None:
    """Return an event of which it is settled now what the code said, if it is as the code saw it."""
    event = locked.get(pk)
    if event is None or event.revision != revision or event.lane is not None:
        return None
    if event.status != Event.Status.PENDING or pk in changes.republished:
        return None
    changes.named.add(pk)
    return event
