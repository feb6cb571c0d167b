"""What each phase of a handler may do; the engine provides the objects behind these."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from workflows_app.sdk.values import EventRecord, InputRef


class PrepareContext(Protocol):
    """What `prepare` may do: look at the pending events of its lane."""

    now: datetime
    #: The lane of this run; "" is the main one.
    lane: str

    def peek(self, topic: str, limit: int = 100) -> list[EventRecord]:
        """Return the oldest pending events of a subscribed topic, at most `limit`.

        The first look of a run may be as it was when the run began; a run never takes what has changed.
        """

    def get(self, topic: str, ids: Iterable[str]) -> list[EventRecord]:
        """Return those events of these message ids that are pending in this lane, oldest first."""


class NextContext(Protocol):
    """What `next` may do: read the consumer's state, publish."""

    now: datetime
    state: Any

    def publish(self, topic: str, *, message_id: str, payload: Any) -> None:
        """Publish when the run commits. The event inherits the inputs of all that was reserved."""


class PollContext(Protocol):
    """What `poll` may do: register inputs, publish."""

    now: datetime

    def register_input(self, *, source: str, type: str, id: str, title: str = "") -> InputRef:
        """Record the outside thing that starts something; the same identity gives the same input."""

    def publish(
        self, topic: str, *, message_id: str, payload: Any, input: InputRef | None = None
    ) -> None:
        """Publish when the run commits. Without `input` the host registers one."""
