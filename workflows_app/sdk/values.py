"""The values that handlers and the host hand each other. All are immutable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from workflows_app.errors import WrongReturn
from workflows_app.sdk.json_values import copied

if TYPE_CHECKING:
    from workflows_app.sdk.mutators import Mutator


@dataclass(frozen=True)
class EventRecord:
    """An event as a handler sees it. `revision` rises when its payload is published anew."""

    topic: str
    message_id: str
    payload: Any
    id: int = field(default=0, compare=False)
    revision: int = field(default=1, compare=False)

    def copied(self) -> EventRecord:
        """Return the same with a payload of its own."""
        payload = copied(self.payload)
        return EventRecord(self.topic, self.message_id, payload, self.id, self.revision)


@dataclass(frozen=True)
class InputRef:
    """What `register_input` returns: the identity of an input, to be given to `publish`."""

    source: str
    type: str
    external_id: str
    title: str = field(default="", compare=False)


@dataclass(frozen=True, init=False)
class PrepareResult:
    """What `prepare` returns: the events to reserve, and what `mutate` and `next` need to know.

    `data` is JSON. `title` says in a person's words what this run does. `wake_at` (an aware
    datetime) asks for another `prepare` without a new event; only an empty result waits for it.
    """

    reservations: tuple[EventRecord, ...]
    data: Any
    title: str
    wake_at: datetime | None

    def __init__(
        self,
        reservations: Iterable[EventRecord] = (),
        data: Any = None,
        title: str = "",
        wake_at: datetime | None = None,
    ) -> None:
        if not isinstance(reservations, Iterable):
            expected = "events from ctx.peek or ctx.get, as PrepareResult([event])"
            raise WrongReturn("PrepareResult: reservations", expected, reservations)
        object.__setattr__(self, "reservations", tuple(reservations))
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "wake_at", wake_at)

    def copied(self) -> PrepareResult:
        """Return the same with JSON of its own."""
        records = [record.copied() for record in self.reservations]
        return PrepareResult(records, copied(self.data), self.title, self.wake_at)

    @classmethod
    def nothing(cls, *, wake_at: datetime | None = None) -> PrepareResult:
        """Nothing to do now: wait for a new event, or until `wake_at`."""
        return cls(wake_at=wake_at)


@dataclass(frozen=True)
class MutationCall:
    """The one outside call that `mutate` asks the host to make. `params` is a JSON object."""

    mutator: type[Mutator]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MutationOutcome:
    """What became of the outside call, as `next` learns it.

    `applied`: it happened, `result` is what the outside system answered. `none`: there was nothing
    to call. `skipped`: a person abandoned it; whether it happened was never learned. `rejected`, for
    consumers with `handles_rejection`: a sure, final no; `reason` is what the outside system said.
    """

    status: Literal["applied", "none", "skipped", "rejected"]
    result: Any = None
    reason: str = ""


@dataclass(frozen=True)
class Reconciliation:
    """What `reconcile` found out. Build it by `applied`, `not_applied` or `retry`."""

    verdict: Literal["applied", "not_applied", "retry"]
    result: Any = None
    why: str = ""

    @classmethod
    def applied(cls, result: Any = None) -> Reconciliation:
        """The outside system has it; `result` is what `execute` would have returned."""
        return cls("applied", result=result)

    @classmethod
    def not_applied(cls, why: str = "") -> Reconciliation:
        """The outside system does not have it, and will not get it from that call any more."""
        return cls("not_applied", why=why)

    @classmethod
    def retry(cls, why: str) -> Reconciliation:
        """It can't be told now; ask again later."""
        return cls("retry", why=why)
