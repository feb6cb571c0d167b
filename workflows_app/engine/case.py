"""One run in a turn: its rows as they are now, under the workflow's lock, and what is known around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from workflows_app.conf import Policy
from workflows_app.engine.claims import Claim
from workflows_app.engine.holding import Holding, LaneView
from workflows_app.engine.lanes import Note
from workflows_app.models import Breaker, Event, Handler, Run, Workflow, WorkflowVersion
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.workflow import Workflow as WorkflowCode


@dataclass
class Changes:
    """What a turn changes besides rows with history: it is written with them."""

    notes: list[Note] = field(default_factory=list)
    #: New events of a handler in a lane.
    news: set[tuple[int, str]] = field(default_factory=set)
    #: Lanes in which runs or events changed, as (workflow, lane).
    touched: set[tuple[int, str]] = field(default_factory=set)
    #: Events that this turn has reserved, and such that it has given another payload.
    reserved: set[int] = field(default_factory=set)
    republished: set[int] = field(default_factory=set)
    #: Events of which it is written what lane the code named, or that it named none.
    named: set[int] = field(default_factory=set)
    #: A circuit breaker has opened.
    breaker_opened: bool = False

    def touch(self, run: Run) -> None:
        """Have the lane of `run` looked at again."""
        self.touched.add((run.workflow_id, run.lane))

    def announce(self, holding: Holding, topic: str, lane: str | None) -> None:
        """Let the consumer of `topic`, if it has one, hear of a new event in `lane`, if it is in one."""
        consumer_id = holding.topics[topic].consumer_id
        if consumer_id is not None and lane is not None:
            self.news.add((consumer_id, lane))
            holding.is_to_look = True


@dataclass
class Case:
    """A run whose rows may be changed in this transaction."""

    holding: Holding
    run: Run
    #: The events that it holds.
    events: list[Event]
    now: datetime
    changes: Changes
    #: The breakers of the workflow that have rows, by handler.
    breakers: dict[int, Breaker]
    lane: LaneView | None = None

    @property
    def claim(self) -> Claim:
        return self.holding.claim

    @property
    def workflow(self) -> Workflow:
        return self.holding.workflow

    @property
    def code(self) -> type[WorkflowCode]:
        return self.holding.code

    @property
    def policy(self) -> Policy:
        return self.holding.policy

    @property
    def mutator(self) -> type[Mutator] | None:
        """Return the code that makes the run's own mutation, if there is still such code."""
        return self.code.mutator_named(self.run.mutation.mutator)

    @property
    def version(self) -> WorkflowVersion:
        """Return the active version. A run whose code is older goes on with what is left."""
        return self.holding.version

    def version_of_code(self) -> WorkflowVersion:
        """Return the version of the code in hand. One query if another one is active."""
        major, minor = self.code.version_pair()
        if self.version.pair == (major, minor):
            return self.version
        return WorkflowVersion.objects.get(workflow=self.workflow, major=major, minor=minor)

    @property
    def has_newer_code(self) -> bool:
        """Tell whether another version than the one that executed the run is active."""
        return self.version.pk != self.run.version_id

    def has_handler(self) -> bool:
        """Tell whether the active version has the run's handler. The code in hand can't: it may be older."""
        if self.holding.is_current:
            return bool(self.run.handler.is_current)
        return Handler.objects.filter(pk=self.run.handler_id, is_current=True).exists()

    def lane_view(self) -> LaneView:
        """Return the lane as its handler left it."""
        if self.lane is None:
            self.lane = LaneView.read(self.run.handler_id, self.run.lane)
        return self.lane

    def touch(self) -> None:
        """Have the run's lane looked at again."""
        self.changes.touch(self.run)
