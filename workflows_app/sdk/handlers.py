"""Handlers: producers and consumers, as authors write them.

The host makes a new instance for every run: a handler keeps what it must remember in its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from workflows_app.sdk.schedules import Schedule
from workflows_app.sdk.values import EventRecord, MutationCall, MutationOutcome, PrepareResult

if TYPE_CHECKING:
    from workflows_app.sdk.contexts import NextContext, PollContext, PrepareContext


class Handler:
    """What producers and consumers have in common."""

    #: Unique in the workflow; the class's name unless set.
    name: ClassVar[str] = ""
    #: The topics this handler may publish to.
    publishes: ClassVar[Sequence[str]] = ()

    @classmethod
    def handler_name(cls) -> str:
        return cls.name or cls.__name__


class Producer(Handler):
    """Reads outside systems on a schedule, registers inputs, publishes events; changes nothing."""

    schedule: ClassVar[Schedule]

    def poll(self, ctx: PollContext, state: Any) -> Any:
        """Read, register, publish. Return the new state (JSON)."""
        raise NotImplementedError(f"{type(self).__name__} must implement poll().")


class Consumer(Handler):
    """Handles events in three phases, with at most one outside effect a run.

    A subclass that keeps rows of its own also defines `record(self, prepared, outcome)`: what it
    writes commits with the run, exactly once. It makes no outside calls.
    """

    #: The topics this consumer takes events from; a topic has one consumer.
    subscribes: ClassVar[Sequence[str]] = ()
    #: True: a sure, final no of the outside system goes to `next` as "rejected", and the events are
    #: consumed. False: the run fails and waits for other code, or for a person.
    handles_rejection: ClassVar[bool] = False

    def lane(self, event: EventRecord) -> str:
        """Name the strand of the workflow that the event belongs to; "" is its main lane.

        Runs of one lane go one after the other, different lanes side by side. Pure: the host asks when
        the event is published, when its payload changes, and for another version of the code.
        """
        return ""

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        """Choose events to reserve and gather what the call needs. Changes nothing anywhere."""
        raise NotImplementedError(f"{type(self).__name__} must implement prepare().")

    def mutate(self, prepared: PrepareResult) -> MutationCall | None:
        """Return the one call to make, or None. Pure: it may run again with the same argument."""
        return None

    def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        """Publish what follows. Return the consumer's new state (JSON)."""
        return ctx.state

    @classmethod
    def names_lanes(cls) -> bool:
        """Tell whether events are spread over lanes of their own."""
        return cls.lane is not Consumer.lane

    @classmethod
    def has_record(cls) -> bool:
        """Tell whether rows of the team's own are to be written with the run."""
        return callable(getattr(cls, "record", None))
