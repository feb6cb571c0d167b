"""Naming the lanes of pending events anew, when another version becomes active (P6, P8).

Authors' code is asked before anything is locked, with a limit; what it said is written under the workflow's
lock. An event that came or changed meanwhile has no lane then, and the host names it. For one that an
application is changing it is waited without the lock: publishers lock events first, and may take long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from workflows_app.engine.lanes import refresh_now
from workflows_app.errors import LaneRefused
from workflows_app.models import MAIN_LANE, Event, LaneRefusal, Topic, Workflow
from workflows_app.models.collecting import collected
from workflows_app.models.saving import save_with_history
from workflows_app.sdk.handlers import Consumer
from workflows_app.sdk.lanes import lane_of
from workflows_app.sdk.patience import TookTooLong, answers_within
from workflows_app.sdk.workflow import Workflow as WorkflowCode

#: So many events are read at once, and their lanes named in one thread.
_TOGETHER = 1000


class BeingChanged(Exception):
    """Publishers' transactions have locked these events."""

    def __init__(self, events: set[int]) -> None:
        self.events = events
        super().__init__()


@dataclass
class LanesAsked:
    """What code said of pending events: by event the revision that it saw, and the lane."""

    named: dict[int, tuple[int, str]] = field(default_factory=dict)
    #: Of the first event whose lane it could not name.
    problem: LaneRefused | None = None

    def lane_for(self, event: Event) -> str | None:
        """Return the lane of `event`, or None if the code did not name it as it is now."""
        revision, lane = self.named.get(event.pk, (None, None))
        return lane if revision == event.revision else None


def ask_lanes(code: type[WorkflowCode], workflow: Workflow) -> LanesAsked:
    """Ask `code` for the lanes of the events that are pending in one. Locks nothing.

    Ends with the first call of `lane` that outlasts `handler_timeout_seconds`; what it raises of one event
    does not keep it from the next one.
    """
    asked = LanesAsked()
    seconds = code.policy_for().handler_timeout_seconds
    for topic, consumer in _topics(code, workflow):
        if not consumer.names_lanes():
            continue
        name = consumer.handler_name()
        who = f"{code.slug} {code.version} {name}.lane"

        def ask(event: Event, topic: str = topic.name) -> str | None:
            return lane_of(code, topic, event.message_id, event.payload)

        pending = _pending(topic).exclude(lane=None).iterator(chunk_size=_TOGETHER)
        while events := list(islice(pending, _TOGETHER)):
            answers = answers_within(seconds, ask, events, who=who)
            for event, (lane, error) in zip(events, answers, strict=False):
                if isinstance(error, TookTooLong):
                    hung = LaneRefused(name, topic.name, event.message_id, str(error))
                    asked.problem = asked.problem or hung
                    return asked
                if isinstance(error, LaneRefused):
                    asked.problem = asked.problem or error
                elif error is not None:
                    raise error
                else:
                    assert lane is not None, "the code has a consumer of the topic"
                    asked.named[event.pk] = (event.revision, lane)
    return asked


def name_lanes_anew(
    code: type[WorkflowCode],
    workflow: Workflow,
    asked: LanesAsked,
    *,
    reason: str,
    actor: Any,
    waits: bool,
) -> None:
    """Let pending events be in the lanes that `code` names. Needs the workflow's lock.

    Unless it `waits` it raises BeingChanged if somebody has one of them locked: then none may stay as they are
    by now.
    """
    left: set[tuple[int, str]] = set()
    for topic, consumer in _topics(code, workflow):
        names_lanes = consumer.names_lanes()
        pending = _pending(topic).exclude(lane=None if names_lanes else MAIN_LANE)
        missed = set(pending.values_list("pk", flat=True))
        locked = pending.select_for_update(no_key=True, skip_locked=not waits)
        with collected():
            for event in locked.iterator(chunk_size=_TOGETHER):
                missed.discard(event.pk)
                lane = asked.lane_for(event) if names_lanes else MAIN_LANE
                if lane != event.lane:
                    if event.lane is not None:
                        left.add((workflow.pk, event.lane))
                    event.lane = lane
                    save_with_history(event, reason=reason, actor=actor, fields=["lane"])
            if missed and not waits:
                raise BeingChanged(missed)
    refresh_now(*left)
    LaneRefusal.objects.filter(event__topic__workflow=workflow).delete()


def wait_for_publishers(events: Iterable[int]) -> None:
    """Wait until nobody changes these events any more. Holds one of them at a time, and nothing else."""
    for pk in events:
        with transaction.atomic():
            Event.objects.select_for_update(no_key=True).filter(pk=pk).first()
            transaction.set_rollback(True)


def _topics(code: type[WorkflowCode], workflow: Workflow) -> Iterator[tuple[Topic, type[Consumer]]]:
    """Yield the topics that `code` has a consumer of."""
    for topic in workflow.topics.all():
        consumer = code.consumer_of(topic.name)
        if consumer is not None:
            yield topic, consumer


def _pending(topic: Topic) -> QuerySet[Event]:
    return topic.events.filter(status=Event.Status.PENDING).order_by("pk")
