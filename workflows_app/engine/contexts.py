"""What each phase may do, and nothing else: the objects behind `ctx`.

A violation is remembered: a handler that catches the error does not get away with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from workflows_app.conf import Policy
from workflows_app.engine.pending import LaneReader
from workflows_app.errors import HandlerViolation, UndeclaredTopic, WorkflowsError, WrongReturn
from workflows_app.models import Event
from workflows_app.publishing import checked_ref, input_ref
from workflows_app.sdk.handlers import Consumer, Handler, Producer
from workflows_app.sdk.json_values import identifier, json_value, require_text
from workflows_app.sdk.lanes import lane_of
from workflows_app.sdk.values import EventRecord, InputRef
from workflows_app.sdk.workflow import Workflow

#: What each consumer peeked at first when it was last prepared: mostly it will do so again.
_habits: WeakKeyDictionary[type[Handler], Peek] = WeakKeyDictionary()


@dataclass(frozen=True)
class Peek:
    """What a handler asks for: the oldest pending events of a topic."""

    topic: str
    limit: int


def habit_of(consumer: type[Handler]) -> Peek | None:
    """Return what the consumer will probably peek at first."""
    return _habits.get(consumer)


@dataclass
class PrefetchedPeek:
    """What a consumer will probably peek at, read in the round trip that began its run."""

    peek: Peek
    events: list[Event]


@dataclass(frozen=True)
class Publication:
    """An event that a handler wants published when its run commits."""

    topic: str
    message_id: str
    payload: Any
    input: InputRef | None = None
    #: None: the code has no consumer of the topic.
    lane: str | None = None


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

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        """Remember the violation that the block raises, if it is the first one."""
        try:
            yield
        except WorkflowsError as violation:
            self._violation = self._violation or violation
            raise violation from None

    def _require_declared(self, topic: str, declared: Iterable[str], verb: str) -> None:
        if topic not in declared:
            name = self._handler.handler_name()
            raise UndeclaredTopic(name, str(topic), verb, list(declared))


class PrepareView(_Context):
    """`ctx` of `prepare`."""

    def __init__(
        self,
        consumer: type[Consumer],
        policy: Policy,
        now: datetime,
        reader: LaneReader,
        ahead: PrefetchedPeek | None,
    ) -> None:
        super().__init__(consumer, policy, now)
        self.lane = reader.lane
        self._consumer = consumer
        self._reader = reader
        self._ahead = ahead
        self._has_peeked = False
        #: The events as they are stored, by id; the handler gets copies.
        self.offered: dict[int, EventRecord] = {}

    def peek(self, topic: str, limit: int = 100) -> list[EventRecord]:
        with self._remembering():
            self._require_declared(topic, self._consumer.subscribes, "peek at")
            if not isinstance(limit, int) or limit < 1:
                raise HandlerViolation(f"peek needs a limit of 1 or more, not {limit!r}.")
        return self._records(topic, self._oldest(Peek(topic, min(limit, self._policy.peek_limit))))

    def _oldest(self, peek: Peek) -> list[Event]:
        if not self._has_peeked:
            self._has_peeked = True
            _habits[self._consumer] = peek
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.peek == peek:
            return ahead.events
        return self._reader.oldest(peek.topic, peek.limit)

    def get(self, topic: str, ids: Iterable[str]) -> list[EventRecord]:
        with self._remembering():
            self._require_declared(topic, self._consumer.subscribes, "get events of")
            wanted = self._message_ids(ids)
        return self._records(topic, self._reader.named(topic, wanted))

    def _message_ids(self, ids: Any) -> list[str]:
        # A text by itself would be taken for its letters.
        wanted = list(ids) if isinstance(ids, Iterable) and not isinstance(ids, str) else None
        if wanted is None or not all(isinstance(each, str) for each in wanted):
            who = f"{self._handler.handler_name()}.prepare: what get is given"
            raise WrongReturn(who, "a list of message ids, as ['42']", ids)
        return [require_text(each, field="a message id of get") for each in wanted]

    def _records(self, topic: str, events: list[Event]) -> list[EventRecord]:
        found = [
            EventRecord(topic, event.message_id, event.payload, event.pk, event.revision)
            for event in events
        ]
        self.offered.update((record.id, record) for record in found)
        return [record.copied() for record in found]


class _PublishingContext(_Context):
    def __init__(
        self, handler: type[Handler], code: type[Workflow], policy: Policy, now: datetime
    ) -> None:
        super().__init__(handler, policy, now)
        self._code = code
        self.publications: list[Publication] = []

    def _publish(
        self, topic: str, message_id: str, payload: Any, input: InputRef | None = None
    ) -> None:
        limit = self._policy.json_max_bytes
        with self._remembering():
            self._require_declared(topic, self._handler.publishes, "publish to")
            name = identifier(message_id, field="message_id")
            value = json_value(payload, field="payload", limit_bytes=limit)
            lane = lane_of(self._code, topic, name, value)
        self.publications.append(Publication(topic, name, value, input, lane))


class NextView(_PublishingContext):
    """`ctx` of `next`."""

    def __init__(
        self,
        consumer: type[Consumer],
        code: type[Workflow],
        policy: Policy,
        now: datetime,
        state: Any,
    ) -> None:
        super().__init__(consumer, code, policy, now)
        self.state = state

    def publish(self, topic: str, *, message_id: str, payload: Any) -> None:
        self._publish(topic, message_id, payload)


class PollView(_PublishingContext):
    """`ctx` of `poll`."""

    def __init__(
        self, producer: type[Producer], code: type[Workflow], policy: Policy, now: datetime
    ) -> None:
        super().__init__(producer, code, policy, now)
        self.inputs: list[InputRef] = []

    def register_input(self, *, source: str, type: str, id: str, title: str = "") -> InputRef:
        with self._remembering():
            ref = input_ref(source=source, type=type, id=id, title=title)
        self.inputs.append(ref)
        return ref

    def publish(
        self, topic: str, *, message_id: str, payload: Any, input: InputRef | None = None
    ) -> None:
        with self._remembering():
            if input is not None and not isinstance(input, InputRef):
                who = f"{self._handler.handler_name()}.poll: the input of publish"
                raise WrongReturn(who, "what register_input returned", input)
            cause = checked_ref(input) if input is not None else None
        self._publish(topic, message_id, payload, cause)
