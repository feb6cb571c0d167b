"""What a worker holds: workflows that it has claimed, and the runs of them that are in its hands."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from workflows_app import registry
from workflows_app.conf import Policy
from workflows_app.engine import claims
from workflows_app.engine.claims import Claim
from workflows_app.engine.contexts import PrefetchedPeek
from workflows_app.engine.log import say
from workflows_app.models import Handler, LaneState, Run, Topic, Workflow, WorkflowVersion
from workflows_app.publishing import active_code
from workflows_app.sdk.handlers import Handler as HandlerCode
from workflows_app.sdk.values import MutationOutcome, PrepareResult
from workflows_app.sdk.workflow import Workflow as WorkflowCode

#: How long a workflow in which the database lets nothing begin is left alone, at first and at most.
_REFUSED_SECONDS, _LONGEST_REFUSED_SECONDS = 0.5, 10.0
#: What a run whose events keep changing leaves their publisher, the first time; it doubles each time.
_START_OVER_SECONDS, _LONGEST_START_OVER_SECONDS = 0.05, 5.0
#: How long a process does not say again that it leaves a workflow to others.
_SILENT_SECONDS = 600.0
#: When it was last said, by this process's clock, and of which active version and code, by the workflow's id.
_told: dict[int, tuple[float, int | None, str | None]] = {}


def tell_left_to_others(workflow: Workflow, here: str | None) -> None:
    """Say that this process leaves `workflow` to others: when it becomes so, and then seldom."""
    what, now = (workflow.active_version_id, here), time.monotonic()
    last = _told.get(workflow.pk)
    if last is not None and last[1:] == what and now < last[0] + _SILENT_SECONDS:
        return
    _told[workflow.pk] = (now, *what)
    say(
        logging.WARNING,
        "workflow.left_to_others workflow=%s active=%s here=%s",
        workflow.slug,
        workflow.active_version,
        here or "none",
    )


def _is_of_this_code(workflow: Workflow) -> bool:
    """Tell whether this process has the code of the active version; say so if not. A retired one is nobody's."""
    if workflow.retired_at is not None:
        return False
    if active_code(workflow) is not None:
        _told.pop(workflow.pk, None)
        return True
    here = registry.get(workflow.slug)
    tell_left_to_others(workflow, here.version if here else None)
    return False


@dataclass(eq=False)
class Holding:
    """A claimed workflow, with the code that advances it. Handlers and topics change with its version."""

    claim: Claim
    workflow: Workflow
    code: type[WorkflowCode]
    handlers: dict[int, Handler] = field(default_factory=dict)
    topics: dict[str, Topic] = field(default_factory=dict)
    #: The code of each handler that it has, by the handler's id.
    codes: dict[int, type[HandlerCode]] = field(default_factory=dict)
    #: The runs of it that are in this worker's hands, by id. A run that commits by itself looks at a copy,
    #: in its own thread.
    hands: dict[int, Hand] = field(default_factory=dict)
    #: There may be something to begin: it was just claimed, something arrived, a place is free again.
    is_to_look: bool = True
    #: Since when, by this process's clock.
    held_since: float = field(default_factory=time.monotonic)
    #: It is to be given back as soon as nothing of it is in hand.
    is_closing: bool = False
    #: When a turn was last about it, by this process's clock.
    seen_at: float = 0.0
    #: When a turn last looked at what there is to begin in it, by this process's clock.
    looked_at: float = 0.0
    #: When to look again, if nothing comes before.
    look_at: datetime | None = None
    #: The last turn that was to look has done so.
    has_looked: bool = False
    #: For how long it is kept when nothing of it is in hand any more, and until when, by this process's clock.
    linger_seconds: float = 0.0
    lingers_until: float = 0.0
    #: How often in a row the database has refused to let something begin, and until when it is left alone,
    #: by this process's clock.
    refusals: int = 0
    left_until: float = 0.0
    #: Deaths of workers, by consumer and claim, that are counted already (`engine.recovery`).
    deaths: set[tuple[int, int | None]] = field(default_factory=set)

    @classmethod
    def claimed(cls, workflow_id: int, *, holder: str, is_patient: bool) -> Holding | None:
        """Claim the workflow and return it. Commits.

        None if `claims.claim` gives none, or if this process has no code of its active version.
        """
        claimed = claims.claim(
            workflow_id, holder=holder, fits=_is_of_this_code, is_patient=is_patient
        )
        if claimed is None:
            return None
        code = registry.get(claimed.workflow.slug)
        assert code is not None, "it fits"
        holding = cls(claimed.claim, claimed.workflow, code)
        holding._know(claimed.handlers, claimed.topics)
        return holding

    def read(self) -> None:
        """Know the handlers and topics of the workflow as they are now. Two queries."""
        self._know(self.workflow.handlers.all(), self.workflow.topics.all())

    def _know(self, handlers: Iterable[Handler], topics: Iterable[Topic]) -> None:
        by_key = {handler.pk: handler for handler in handlers}
        self.topics = {topic.name: topic for topic in topics}
        self.handlers = by_key
        found = {pk: self.code.handler_named(one.name) for pk, one in by_key.items()}
        self.codes = {pk: code for pk, code in found.items() if code is not None}

    @property
    def id(self) -> int:
        return self.claim.workflow_id

    @cached_property
    def policy(self) -> Policy:
        return self.code.policy_for()

    @cached_property
    def _policies(self) -> dict[str, Policy]:
        return {mutator.name: self.code.policy_for(mutator) for mutator in self.code.mutators}

    def policy_of(self, mutator: str) -> Policy:
        """Return the policy of a mutator, by its name; of one that the code does not have, the workflow's."""
        return self._policies.get(mutator, self.policy)

    @cached_property
    def longest_call_seconds(self) -> float:
        """Return how long a call of any of its mutators may take."""
        return max((limit.call_timeout_seconds for limit in self._policies.values()), default=0.0)

    @cached_property
    def longest_backoff(self) -> timedelta:
        """Return how long anything here is put off after a failure."""
        limits = [self.policy, *self._policies.values()]
        return timedelta(seconds=max(limit.backoff_max_seconds for limit in limits))

    @cached_property
    def longest_lag(self) -> timedelta:
        """Return how long absence in an outside system proves nothing."""
        lags = [mutator.absence_is_proof_after for mutator in self.code.mutators]
        return max(lags, default=timedelta())

    @property
    def version(self) -> WorkflowVersion:
        """Return the active version."""
        version = self.workflow.active_version
        assert version is not None, "what was claimed has one"
        return version

    @property
    def is_current(self) -> bool:
        """Tell whether the code is that of the active version. Without it nothing new is begun."""
        return self.version.pair == self.code.version_pair()

    def see(self, status: str, active_version_id: int | None) -> None:
        """Note the workflow as it is now, under its lock. Reads more if another version is active."""
        if self.workflow.status != status or self.workflow.active_version_id != active_version_id:
            workflow = Workflow.objects.select_related("active_version").get(pk=self.id)
            self._know(workflow.handlers.all(), workflow.topics.all())
            # At last: if a query before fails, all is read by the next look.
            self.workflow = workflow

    def lingers(self) -> bool:
        """Tell whether it is kept, though nothing is to be done: what comes soon after finds it claimed."""
        if self.is_closing or not self.is_current:
            return False
        # Those that are in hand still end in this very turn.
        is_busy = bool(self.hands) and self.linger_seconds > 0.0
        return is_busy or time.monotonic() < self.lingers_until

    def note_end(self) -> None:
        """Note that a run of it has left this worker's hands."""
        if self.linger_seconds > 0.0:
            self.lingers_until = time.monotonic() + self.linger_seconds

    def note_turn(self, *, looks: bool) -> None:
        """Note that a turn is about it now; `looks`: also about what there is to begin."""
        self.seen_at = time.monotonic()
        if looks:
            # Should the turn not get its lock, it is looked at again before long.
            self.is_to_look, self.has_looked, self.looked_at = False, False, self.seen_at

    def note_look(self, look_at: datetime | None, *, has_more: bool) -> None:
        """Note that a turn has looked, and that the database took what it began."""
        self.look_at, self.looked_at, self.has_looked = look_at, time.monotonic(), True
        self.is_to_look |= has_more
        self.refusals, self.left_until = 0, 0.0

    def leave_alone(self) -> None:
        """Note that the database lets nothing begin: it is tried again later, and later each time."""
        seconds = _doubled(_REFUSED_SECONDS, self.refusals, most=_LONGEST_REFUSED_SECONDS)
        self.refusals += 1
        self.left_until = time.monotonic() + seconds


@dataclass(frozen=True)
class LaneView:
    """What a handler has in a lane, as it is stored or as a run found it when it began."""

    handler_id: int
    lane: str
    state: Any = None
    arrivals: int = 0
    failures: int = 0
    wake_at: datetime | None = None
    #: How many arrivals there were when it last looked, if it took nothing then.
    seen: int | None = None
    oldest_pending: int | None = None

    @property
    def has_news(self) -> bool:
        """Tell whether something new came since it looked and took nothing."""
        return self.seen is None or self.seen != self.arrivals

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
    #: When the turn was that its present step follows from, by the database's clock.
    began_at: datetime | None = None
    #: How often its events changed while `prepare` looked at them.
    starts: int = 0
    #: An open breaker has let it through to see what becomes of it: that of this `Breaker.trial_at`.
    trial_at: datetime | None = None
    #: A person has ordered its call: no breaker holds it back.
    is_ordered: bool = False

    @property
    def handler(self) -> Handler:
        return self.holding.handlers[self.run.handler_id]

    def start_over(self) -> float:
        """Count that its events changed while they were prepared; return how long to leave their publisher."""
        seconds = _doubled(_START_OVER_SECONDS, self.starts, most=_LONGEST_START_OVER_SECONDS)
        self.starts += 1
        if self.starts % 5 == 0:
            facts = (self.holding.workflow.slug, self.run.pk, self.run.lane, self.starts)
            told = "run.starts_over workflow=%s run=%s lane=%s times=%s"
            say(logging.WARNING, told, *facts)
        return 0.0 if self.starts == 1 else seconds


def _doubled(seconds: float, times: int, *, most: float) -> float:
    return min(seconds * 2.0 ** min(times, 10), most)
