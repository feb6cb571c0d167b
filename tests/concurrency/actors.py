"""Who may meet at a workflow: each step of a worker, operations, publishers, deploys, other workers.

An actor comes to its place (`bring`), makes one transaction when it is told to (`go`), and stands at
the next point it passes (`arrive`). In what order all that happens is up to `meeting`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.test import override_settings
from django.utils import timezone

from tests.concurrency.arena import Arena
from tests.concurrency.gates import pass_the_gate
from tests.concurrency.places import Place, decider, pending
from tests.eventually import eventually
from workflows_app import dispatch
from workflows_app.boundaries import Boundary
from workflows_app.engine.versions import sync
from workflows_app.errors import OperationRefused, SyncRefused
from workflows_app.models import Arrival, Event, Evidence, Lease, OperatorAction
from workflows_app.operations import pause_workflow

#: Who presses, by session.
PEOPLE = MappingProxyType({"first": "olga", "second": "otto"})


@dataclass(frozen=True)
class Actor:
    """Somebody who makes one transaction."""

    name: str
    #: Where it happens; without, it is where the other actor is.
    place: Place | None = None
    #: What it passes right after its transaction; nothing if it ends there.
    ends_at: Boundary | None = Boundary.UNANNOUNCED

    def bring(self, arena: Arena, session: str, other: Actor) -> None:
        """Let everything be done that comes before its transaction."""

    def go(self, arena: Arena, session: str) -> None:
        """Let it make its transaction, and stop wherever it comes to."""
        arena.stop_everywhere(session)
        arena.start(session, self.act(arena, session))

    def act(self, arena: Arena, session: str) -> Callable[[], Any]:
        """Return what it does in its own thread."""
        raise NotImplementedError

    def try_again(self, arena: Arena, session: str) -> None:
        """Let it try again what it could not do before."""
        arena.let_through(f"{session} {Boundary.BEGUN.value}")

    def arrive(self, arena: Arena, session: str) -> str:
        """Return the point where it stands afterwards; nothing if it has ended."""
        return arena.arrives(session)

    def told(self, arena: Arena, session: str, arrived: str) -> str:
        """Return what it is told, once it has ended."""
        raise NotImplementedError


@dataclass(frozen=True)
class Step(Actor):
    """A worker whose next transaction is this step. It stands at `line` before."""

    line: str = ""
    #: How the call or the lookup before the line goes.
    failing: Exception | None = None
    evading: bool = False
    #: What the author's code raises from the line on.
    fault: Exception | None = None
    max_steps: int | None = None
    #: Points between the transaction and `ends_at`.
    on_the_way: tuple[str, ...] = ()
    #: Where it is if the other actor is nowhere in particular.
    usual_place: Place = pending

    def bring(self, arena: Arena, session: str, other: Actor) -> None:
        if not self.line:
            return
        arena.failing, arena.evading = self.failing, self.evading
        arena.hold(f"{session} {self.line}")
        arena.start(session, self.act(arena, session))
        arena.wait_for(f"{session} {self.line}")
        arena.failing, arena.evading = None, False
        if self.fault:
            arena.faults[self.line] = self.fault

    def go(self, arena: Arena, session: str) -> None:
        if not self.line:
            super().go(arena, session)
            return
        arena.stop_everywhere(session, but=self.on_the_way)
        arena.let_through(f"{session} {self.line}")

    def try_again(self, arena: Arena, session: str) -> None:
        arena.hold_no_more(*(f"{session} {point}" for point in self.on_the_way))
        super().try_again(arena, session)

    def act(self, arena: Arena, session: str) -> Callable[[], Any]:
        return arena.advancing(self.max_steps)

    def told(self, arena: Arena, session: str, arrived: str) -> str:
        if any(line.startswith("claim.lost") for line in arena.log):
            return "its claim is lost"
        return f"comes to {arrived}" if arrived else "leaves it to the other"


@dataclass(frozen=True)
class LateAnswer(Step):
    """The thread of a call that answers when its run is blocked already."""

    def bring(self, arena: Arena, session: str, other: Actor) -> None:
        arena.evading = True
        arena.hold(f"{session} {self.line}")
        # The question after it has as long: on a busy machine less would not be enough.
        with override_settings(WORKFLOWS={"call_timeout_seconds": 0.25}):
            arena.start(session, self.act(arena, session))
            arena.rivals[session].result()
        arena.evading = False

    def arrive(self, arena: Arena, session: str) -> str:
        late = Evidence.objects.filter(mutation__run__workflow=arena.row, kind="late")
        eventually(late.exists, True, every_seconds=0.002)
        return ""

    def told(self, arena: Arena, session: str, arrived: str) -> str:
        return "is kept"


@dataclass(frozen=True)
class Decision(Actor):
    """A person who presses."""

    operation: Callable[..., OperatorAction] = pause_workflow
    subject: Callable[[Arena], Any] = Arena.last_run
    #: Somebody has paused the workflow before, unless the other actor does.
    is_paused: bool = False

    def bring(self, arena: Arena, session: str, other: Actor) -> None:
        by_the_other = session == "second" and other.name in (self.name, "pause_workflow")
        if self.is_paused and not by_the_other:
            pause_workflow(arena.row, actor=decider(), reason="month end")

    def act(self, arena: Arena, session: str) -> Callable[[], Any]:
        person = User.objects.get(username=PEOPLE[session])
        return partial(
            self.operation, self.subject(arena), actor=person, reason=f"says {person.username}"
        )

    def told(self, arena: Arena, session: str, arrived: str) -> str:
        try:
            arena.rivals[session].result()
        except OperationRefused as refused:
            return f"{refused.code}: {refused}"
        return "done"


@dataclass(frozen=True)
class Publisher(Actor):
    """An application that publishes, and has other things to do before it commits."""

    message_id: str = "42"
    payload: str | None = None

    def go(self, arena: Arena, session: str) -> None:
        arena.stop_everywhere(session, but=("published",) if session == "first" else ())
        arena.start(session, self.act(arena, session))

    def act(self, arena: Arena, session: str) -> Callable[[], Any]:
        def publish() -> Event:
            with transaction.atomic():
                event = arena.publish(self.message_id, self.payload)
                arena.passes("published")
                pass_the_gate()
            return event

        return publish

    def told(self, arena: Arena, session: str, arrived: str) -> str:
        return f"the event is {arena.rivals[session].result().status}"


@dataclass(frozen=True)
class Deploy(Actor):
    """A deploy of another version."""

    version: str = ""
    consumes: bool = True

    def act(self, arena: Arena, session: str) -> Callable[[], Any]:
        code = arena.code(version=self.version, consumes=self.consumes)

        def deploy() -> str:
            outcome = sync(code, accept_orphans=not self.consumes).outcome
            arena.deployed = code
            return outcome

        return deploy

    def told(self, arena: Arena, session: str, arrived: str) -> str:
        try:
            outcome: str = arena.rivals[session].result()
        except SyncRefused as refused:
            return f"{refused.code}: {refused}"
        return outcome


@dataclass(frozen=True)
class OtherWorker(Actor):
    """Another worker that claims the workflow."""

    #: Whoever holds it has shown no sign of life for long.
    is_expired: bool = False

    def bring(self, arena: Arena, session: str, other: Actor) -> None:
        if self.is_expired:
            held = Lease.objects.filter(pk=arena.row.pk).exclude(holder="")
            held.update(expires_at=Now() - timedelta(seconds=1))

    def act(self, arena: Arena, session: str) -> Callable[[], Any]:
        return arena.advancing()

    def told(self, arena: Arena, session: str, arrived: str) -> str:
        return "claims it" if arrived else "leaves it to the other"


@dataclass(frozen=True)
class Sweep(Actor):
    """The sweep of any worker."""

    def bring(self, arena: Arena, session: str, other: Actor) -> None:
        """Do what a sweep would have to do for others of the same database: only this one is left."""
        Arrival.objects.filter(topic__consumer=None).delete()
        soon = dispatch.due_workflows(timezone.now() + timedelta(minutes=5))
        held = Lease.objects.exclude(holder="").values_list("pk", flat=True)
        for pk in soon.union(held) - {arena.row.pk}:
            dispatch.defer_advance(pk)

    def act(self, arena: Arena, session: str) -> Callable[[], Any]:
        return dispatch.wake_due

    def told(self, arena: Arena, session: str, arrived: str) -> str:
        sent = arena.row.pk in arena.rivals[session].result()
        return "sends a worker" if sent else "finds nothing due"
