"""What a worker holds: workflows that it has claimed, and the runs of them that are in its hands."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workflows_app.engine.claims import Claim
from workflows_app.engine.contexts import PrefetchedPeek
from workflows_app.models import Handler, LaneState, Run, Topic, Workflow
from workflows_app.sdk.values import MutationOutcome, PrepareResult
from workflows_app.sdk.workflow import Workflow as WorkflowCode

#: How long a workflow in which the database lets nothing begin is left alone, at first and at most.
_REFUSED_SECONDS, _LONGEST_REFUSED_SECONDS = 0.5, 10.0


@dataclass(eq=False)
class Holding:
    """A claimed workflow, with the code that advances it. Handlers and topics change with its version."""

    claim: Claim
    workflow: Workflow
    code: type[WorkflowCode]
    handlers: dict[int, Handler]
    topics: dict[str, Topic]
    #: The runs of it that are in this worker's hands, by id. A run that commits by itself looks at a copy,
    #: in its own thread.
    hands: dict[int, Hand] = field(default_factory=dict)
    #: There may be something to begin: it was just claimed, something arrived, a place is free again.
    is_to_look: bool = True
    #: It is to be given back as soon as nothing of it is in hand.
    is_closing: bool = False
    #: When a turn was last about it, by this process's clock.
    seen_at: float = 0.0
    #: When to look again, if nothing comes before.
    look_at: datetime | None = None
    #: How often in a row the database has refused to let something begin, and until when it is left alone,
    #: by this process's clock.
    refusals: int = 0
    left_until: float = 0.0
    #: Events whose lane the code could not name; they are not asked for again.
    unnameable: set[tuple[int, int]] = field(default_factory=set)

    @classmethod
    def of(cls, claim: Claim, workflow: Workflow, code: type[WorkflowCode]) -> Holding:
        """Return the holding of a claimed workflow. Two queries."""
        return cls(
            claim=claim,
            workflow=workflow,
            code=code,
            handlers={handler.pk: handler for handler in workflow.handlers.all()},
            topics={topic.name: topic for topic in workflow.topics.all()},
        )

    @property
    def id(self) -> int:
        return self.claim.workflow_id

    @property
    def is_current(self) -> bool:
        """Tell whether the code is that of the active version. Without it nothing new is begun."""
        active = self.workflow.active_version
        return active is not None and active.pair == self.code.version_pair()

    def see(self, status: str, active_version_id: int | None) -> None:
        """Note the workflow as it is now, under its lock. Reads more if another version is active."""
        if self.workflow.status != status or self.workflow.active_version_id != active_version_id:
            claim = self.claim
            self.workflow = Workflow.objects.select_related("active_version").get(pk=self.id)
            fresh = Holding.of(claim, self.workflow, self.code)
            self.handlers, self.topics = fresh.handlers, fresh.topics

    def note_begun(self) -> None:
        """Note that the database took what a turn began."""
        self.refusals, self.left_until = 0, 0.0

    def leave_alone(self) -> None:
        """Note that the database lets nothing begin: it is tried again later, and later each time."""
        seconds = min(_REFUSED_SECONDS * 2 ** min(self.refusals, 10), _LONGEST_REFUSED_SECONDS)
        self.refusals += 1
        self.left_until = time.monotonic() + seconds

    @property
    def topic_ids(self) -> dict[str, int]:
        return {name: topic.pk for name, topic in self.topics.items()}


@dataclass(frozen=True)
class LaneView:
    """A handler's lane as a run found it when it began."""

    handler_id: int
    lane: str
    state: Any = None
    arrivals: int = 0
    failures: int = 0
    oldest_pending: int | None = None
    wake_at: datetime | None = None

    @classmethod
    def read(cls, handler_id: int, lane: str) -> LaneView:
        """Return it as it is stored. One query."""
        found = LaneState.objects.filter(handler=handler_id, lane=lane).first()
        if found is None:
            return cls(handler_id, lane)
        return cls(handler_id, lane, found.state, found.arrivals, found.failures)


@dataclass(eq=False)
class Hand:
    """One run in the hands of this worker: what is in memory of it between two turns."""

    holding: Holding
    run: Run
    lane: LaneView
    ahead: PrefetchedPeek | None = None
    prepared: PrepareResult | None = None
    outcome: MutationOutcome = field(default_factory=lambda: MutationOutcome("none"))
    #: When its outside call must have begun, by `machine_seconds`; later it is not made at all.
    send_by: float = 0.0
    #: How often its events changed while `prepare` looked at them.
    starts: int = 0

    @property
    def handler(self) -> Handler:
        return self.holding.handlers[self.run.handler_id]
