"""Naming the lanes of events that have none: asking the code, in a thread, and writing what it said (P2, P8).

An event has no lane if its publisher had no code to name it. What the code can't name waits, as an event
that is pending with its reason, until its payload or the code changes; it holds nothing up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from workflows_app.engine import lanes as lane_states
from workflows_app.engine.case import Changes
from workflows_app.engine.holding import Holding
from workflows_app.engine.items import Naming
from workflows_app.engine.jobs import Answer, Job
from workflows_app.engine.log import logger
from workflows_app.errors import LaneRefused
from workflows_app.models import Event, LaneRefusal
from workflows_app.models.collecting import then
from workflows_app.models.saving import save_with_history
from workflows_app.sdk.lanes import lane_of


class NamingJob(Job):
    """Names the lanes of events that have none. One that takes as long as a handler may has none, and is the last.

    What it has not come to in that time is left to the next look.
    """

    def __init__(
        self,
        holding: Holding,
        events: list[Event],
        *,
        tell: Callable[[Any], None],
        died: Callable[[Answer], Any] = lambda answer: None,
    ) -> None:
        self._naming = Naming(holding, {})
        self._events = events
        self._at: Event | None = None
        self._seconds = holding.policy.handler_timeout_seconds
        super().__init__(
            self._name_all,
            seconds=self._seconds,
            done=lambda answer: tell(died(answer) or self._naming),
            late=lambda answer: None,
        )

    def give_up_naming(self) -> Naming | None:
        """Wait no longer: return what is named, or None if it has ended by itself."""
        if self.give_up() is None:
            return None
        # What hangs may go on, and say something of its event.
        naming, at = Naming(self._naming.holding, dict(self._naming.said)), self._at
        if at is not None:
            logger.error("event.lane_hung event=%s seconds=%g", at.pk, self._seconds)
            why = f"Naming its lane took longer than {self._seconds:g} s."
            naming.said[at.pk] = (at.revision, None, why)
        return naming

    def _name_all(self) -> None:
        holding, until = self._naming.holding, self.ends_at
        topics = {topic.pk: name for name, topic in holding.topics.items()}
        for event in self._events:
            self.ends_at = time.monotonic() + self._seconds
            if self.is_over or time.monotonic() > until:
                break
            self._at = event
            topic = topics[event.topic_id]
            try:
                lane = lane_of(holding.code, topic, event.message_id, event.payload)
                why = f"The code has no consumer of topic '{topic}'."
            except LaneRefused as refused:
                logger.error("event.lane_refused event=%s: %s", event.pk, refused)
                lane, why = None, str(refused)
            self._naming.said[event.pk] = (event.revision, lane, why)
        self._at = None


def write_naming(naming: Naming, locked: Mapping[int, Event], changes: Changes) -> None:
    """Write what the code said of the events among `locked` that are as it saw them.

    Needs the workflow's lock, within `collected`.
    """
    holding = naming.holding
    if not holding.is_current:
        # Deployed meanwhile: what the old code says does not count.
        return
    topics = {topic.pk: name for name, topic in holding.topics.items()}
    refused = []
    for pk, (revision, lane, why) in naming.said.items():
        event = locked.get(pk)
        if event is None or (event.revision, event.lane) != (revision, None):
            continue
        if event.status != Event.Status.PENDING or pk in changes.republished:
            continue
        # It is settled now what the code said of it.
        changes.named.add(pk)
        if lane is None:
            refused.append(
                LaneRefusal(event_id=pk, revision=revision, version=holding.version, why=why)
            )
            continue
        event.lane = lane
        save_with_history(event, reason="its lane was named", fields=["lane"])
        changes.announce(holding, topics[event.topic_id], lane)
    named = [pk for pk, (_, lane, _) in naming.said.items() if lane is not None]
    then(lane_states.refuse(refused, named=named))
