"""What each phase may do, and nothing else: the objects behind `ctx`.

A violation is remembered: a handler that catches the error does not get away with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from django.db.models import QuerySet, Subquery

from workflows_app.conf import Policy
from workflows_app.errors import (
    HandlerViolation,
    UndeclaredTopic,
    WorkflowsError,
    WrongReturn,
)
from workflows_app.models import Event, Topic, Workflow
from workflows_app.models.reading import Compiled, Reading
from workflows_app.models.saving import ask
from workflows_app.publishing import checked_ref, input_ref
from workflows_app.sdk.handlers import Consumer, Handler, Producer
from workflows_app.sdk.json_values import identifier, json_value
from workflows_app.sdk.values import EventRecord, InputRef


def _pending(workflow_id: int, topic: str) -> QuerySet[Event]:
    # The topic's key first: then the oldest are the first rows of a partial index.
    found = Topic.objects.filter(workflow=workflow_id, name=topic).values("pk")[:1]
    return Event.objects.filter(topic=Subquery(found), status=Event.Status.PENDING).order_by(
        Event.IN_ORDER
    )


@lru_cache(maxsize=1000)
def _oldest(topic: str, limit: int | None) -> Compiled[Event]:
    return Compiled(lambda workflow: _pending(workflow, topic)[:limit])


#: What each consumer peeked at first when it was last prepared: mostly it will do so again.
_habits: WeakKeyDictionary[type[Handler], tuple[str, int]] = WeakKeyDictionary()


@dataclass
class Ahead:
    """What a consumer will probably peek at, read in the round trip that began its run."""

    topic: str
    limit: int
    _reading: Reading

    @classmethod
    def of(cls, consumer: type[Handler] | None, workflow_id: int) -> Ahead | None:
        """Let it be read when the block of `collected` ends. None if nothing is known of its habits."""
        habit = _habits.get(consumer) if consumer is not None else None
        if habit is None:
            return None
        return cls(*habit, ask((_oldest(*habit), (workflow_id,))))

    def events(self) -> list[Event]:
        return self._reading.rows()


@dataclass(frozen=True)
class Publication:
    """An event that a handler wants published when its run commits."""

    topic: str
    message_id: str
    payload: Any
    input: InputRef | None = None


class _Context:
    def __init__(self, handler: type[Handler], policy: Policy, now: datetime) -> None:
        self.now = now
        self._handler = handler
        self._policy = policy
        self._violation: WorkflowsError | None = None

    def raise_violation(self) -> None:
        """Raise what the handler did wrong, if anything."""
        if self._violation is not None:
            raise self._violation

    def _require_declared(self, topic: str, declared: Iterable[str], verb: str) -> None:
        if topic not in declared:
            raise self._remember(
                UndeclaredTopic(self._handler.handler_name(), str(topic), verb, list(declared))
            )

    def _remember(self, violation: WorkflowsError) -> WorkflowsError:
        self._violation = self._violation or violation
        return violation


class PrepareView(_Context):
    """`ctx` of `prepare`."""

    def __init__(
        self,
        consumer: type[Consumer],
        workflow: Workflow,
        policy: Policy,
        now: datetime,
        ahead: Ahead | None = None,
    ) -> None:
        super().__init__(consumer, policy, now)
        self._consumer = consumer
        self._workflow = workflow
        self._ahead = ahead
        self._has_peeked = False
        #: The events as they are stored, by id; the handler gets copies.
        self.offered: dict[int, EventRecord] = {}
        #: Their rows, of which a checkpoint is made.
        self.events: dict[int, Event] = {}

    def peek(self, topic: str, limit: int = 100) -> list[EventRecord]:
        self._require_declared(topic, self._consumer.subscribes, "peek at")
        if not isinstance(limit, int) or limit < 1:
            raise self._remember(
                HandlerViolation(f"peek needs a limit of 1 or more, not {limit!r}.")
            )
        return self._records(topic, self._oldest(topic, min(limit, self._policy.peek_limit)))

    def _oldest(self, topic: str, limit: int) -> list[Event]:
        if not self._has_peeked:
            self._has_peeked = True
            _habits[self._consumer] = (topic, limit)
        ahead, self._ahead = self._ahead, None
        if ahead is not None and (ahead.topic, ahead.limit) == (topic, limit):
            return ahead.events()
        return _oldest(topic, limit).all(self._workflow.pk)

    def get(self, topic: str, ids: Iterable[str]) -> list[EventRecord]:
        self._require_declared(topic, self._consumer.subscribes, "get events of")
        pending = _pending(self._workflow.pk, topic)
        return self._records(topic, list(pending.filter(message_id__in=list(ids))))

    def _records(self, topic: str, events: list[Event]) -> list[EventRecord]:
        found = [
            EventRecord(topic, event.message_id, event.payload, event.pk, event.revision)
            for event in events
        ]
        self.events.update((event.pk, event) for event in events)
        self.offered.update((record.id, record) for record in found)
        return [record.copied() for record in found]


class _PublishingContext(_Context):
    def __init__(self, handler: type[Handler], policy: Policy, now: datetime) -> None:
        super().__init__(handler, policy, now)
        self.publications: list[Publication] = []

    def _publish(
        self, topic: str, message_id: str, payload: Any, input: InputRef | None = None
    ) -> None:
        self._require_declared(topic, self._handler.publishes, "publish to")
        try:
            self.publications.append(
                Publication(
                    topic,
                    identifier(message_id, field="message_id"),
                    json_value(payload, field="payload", limit_bytes=self._policy.json_max_bytes),
                    input,
                )
            )
        except WorkflowsError as error:
            raise self._remember(error) from None


class NextView(_PublishingContext):
    """`ctx` of `next`."""

    def __init__(self, consumer: type[Consumer], policy: Policy, now: datetime, state: Any) -> None:
        super().__init__(consumer, policy, now)
        self.state = state

    def publish(self, topic: str, *, message_id: str, payload: Any) -> None:
        self._publish(topic, message_id, payload)


class PollView(_PublishingContext):
    """`ctx` of `poll`."""

    def __init__(self, producer: type[Producer], policy: Policy, now: datetime) -> None:
        super().__init__(producer, policy, now)
        self.inputs: list[InputRef] = []

    def register_input(self, *, source: str, type: str, id: str, title: str = "") -> InputRef:
        try:
            ref = input_ref(source=source, type=type, id=id, title=title)
        except WorkflowsError as error:
            raise self._remember(error) from None
        self.inputs.append(ref)
        return ref

    def publish(
        self, topic: str, *, message_id: str, payload: Any, input: InputRef | None = None
    ) -> None:
        if input is not None and not isinstance(input, InputRef):
            who = f"{self._handler.handler_name()}.poll: the input of publish"
            raise self._remember(WrongReturn(who, "what register_input returned", input))
        try:
            cause = checked_ref(input) if input is not None else None
        except WorkflowsError as error:
            raise self._remember(error) from None
        self._publish(topic, message_id, payload, cause)
