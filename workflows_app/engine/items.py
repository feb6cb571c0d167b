"""What comes back from a thread, and what a turn makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from workflows_app.engine.answers import Finding
from workflows_app.engine.contexts import PrefetchedPeek
from workflows_app.engine.holding import Hand, Holding
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.phases import Broke, Finished, Hung, Polled, Prepared
from workflows_app.models import Event, Run
from workflows_app.sdk.values import MutationOutcome, PrepareResult


@dataclass(frozen=True)
class Called:
    """The outside call was answered, or nobody waits for its answer any more."""

    finding: Finding


@dataclass(frozen=True)
class Asked:
    """The outside system was asked whether it happened, after so many attempts, and not before `asked_at`."""

    finding: Finding
    attempts: int
    asked_at: datetime


@dataclass(frozen=True)
class CantAsk:
    """The code can't ask the outside system any more."""

    why: str


@dataclass(frozen=True)
class Waits:
    """It waits for a place, and has done so for a while.

    `in_hand`: with what it has prepared. Else it is let go, to be continued when there is a place.
    """

    in_hand: bool


What = Waits | Prepared | Finished | Polled | Broke | Hung | Called | Asked | CantAsk


@dataclass(frozen=True)
class Item:
    """What came back of a run that is in hand."""

    hand: Hand
    what: What
    #: It was written before, and whether that was committed is not known.
    is_again: bool = False


@dataclass(frozen=True)
class Naming:
    """What the code said of events that had no lane: by event id its revision, the lane, and if none why."""

    holding: Holding
    said: dict[int, tuple[int, str | None, str]]


@dataclass
class Step:
    """What a run that was in hand, or was just begun, does once the turn is durable."""

    hand: Hand
    run: Run
    todo: Todo
    prepared: PrepareResult | None = None
    outcome: MutationOutcome | None = None
    ahead: PrefetchedPeek | None = None
    #: The death of a worker, by consumer and claim, of which the consumer's breaker knows now.
    death: tuple[int, int | None] | None = None

    def take(self) -> None:
        """Let the hand be as the turn has made it. To be called when that is durable."""
        hand = self.hand
        hand.run = self.run
        if self.prepared is not None:
            hand.prepared = self.prepared
        if self.outcome is not None:
            hand.outcome = self.outcome
        if self.ahead is not None:
            hand.ahead = self.ahead
        if self.death is not None:
            hand.holding.deaths.add(self.death)
        if self.todo is Todo.NOTHING:
            hand.holding.hands.pop(self.run.pk, None)
            hand.holding.note_end()
        else:
            hand.holding.hands[self.run.pk] = hand

    @property
    def has_ended(self) -> bool:
        """Tell whether the run leaves this worker's hands."""
        return self.todo is Todo.NOTHING


@dataclass(frozen=True)
class Ready:
    """A step that has waited has its place now. `now`: of the turn that it follows from."""

    step: Step
    now: datetime


@dataclass
class Taken:
    """What a turn did. Nothing in memory has changed before `take`."""

    now: datetime
    #: By how much this machine's clock is ahead of the database's.
    seconds_ahead: float = 0.0
    steps: list[Step] = field(default_factory=list)
    #: How many runs were begun, asked about, retried, recovered or continued.
    begun: int = 0
    #: Of workflows that somebody else had locked.
    left: list[Item] = field(default_factory=list)
    #: Runs whose events changed while they were prepared.
    starting_over: list[Hand] = field(default_factory=list)
    #: Answers that can change nothing any more.
    late: list[tuple[Hand, Finding]] = field(default_factory=list)
    #: Workflows that somebody else has claimed.
    fenced: list[Holding] = field(default_factory=list)
    #: Such that are in nobody's hands any more, and of which nothing is lost.
    let_go: list[Holding] = field(default_factory=list)
    #: The runs whose rows are gone: the database has crashed.
    forgotten: list[Hand] = field(default_factory=list)
    rested: list[Holding] = field(default_factory=list)
    #: In which the database lets nothing begin.
    refused: list[Holding] = field(default_factory=list)
    #: When to look again, by workflow, if nothing happens before.
    looked: dict[int, datetime | None] = field(default_factory=dict)
    #: Workflows that have more to begin than there was room for, or in which it has left what it has not seen.
    has_more: set[int] = field(default_factory=set)
    #: Events that the code is to name the lanes of.
    unnamed: list[tuple[Holding, list[Event]]] = field(default_factory=list)
