"""A workflow that actors meet at, each in a session of its own and stopped where a test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from tests import sessions
from tests.concurrency.gates import WITHIN_SECONDS
from tests.concurrency.stage import TOPIC, Stage
from tests.rivals import Rival
from workflows_app import registry
from workflows_app.boundaries import Boundary
from workflows_app.dispatch import due_workflows
from workflows_app.engine.advancing import advance
from workflows_app.models import Evidence, LaneState, Run
from workflows_app.sdk import Cron, PollContext, Producer, Workflow

#: Where an actor may stand: those of a stage, those of this one, and between two transactions.
POINTS = (
    *("prepare", "next", "call", "answer", "lookup"),
    *("poll", "published"),
    *(boundary.value for boundary in Boundary),
)
FIRST_VERSION = "1.0"


class Arena(Stage):
    """A stage whose points are passed by sessions: `first prepare` is another one than `second prepare`."""

    def __init__(self, slug: str) -> None:
        self.rivals: dict[str, Rival[Any]] = {}
        self._ended: set[str] = set()
        #: What is raised at a point, in place of going on.
        self.faults: dict[str, BaseException] = {}
        #: What the host has logged.
        self.log: list[str] = []
        #: The code that a deploy has made active.
        self.deployed: type[Workflow] | None = None
        super().__init__(slug=slug, reconcile_attempts=1, backoff_initial_seconds=0)

    def passes(self, point: str) -> bool:
        goes_on = super().passes(f"{sessions.current()} {point}")
        if point in self.faults:
            raise self.faults[point]
        return goes_on

    def start(self, session: str, function: Callable[[], Any]) -> None:
        """Let an actor act in a thread and a session of this name."""

        def act() -> Any:
            sessions.enter(session)
            try:
                return function()
            finally:
                with self._changed:
                    self._ended.add(session)
                    self._changed.notify_all()

        self.rivals[session] = Rival(act)

    def stop_everywhere(self, session: str, *, but: tuple[str, ...] = ()) -> None:
        """Let the actor stand wherever it comes to next."""
        self.hold(*(f"{session} {point}" for point in POINTS if point not in but))

    def let_go(self, session: str) -> None:
        """Let the actor go to its end."""
        self.release(*(f"{session} {point}" for point in POINTS))

    def arrives(self, session: str) -> str:
        """Return the point where the actor stands as soon as it does; nothing if it has ended."""
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: session in self._ended or self._stands_at(session), timeout=WITHIN_SECONDS
            )
            assert arrived, f"The {session} one comes to no end and nowhere."
            return self._stands_at(session)

    def _stands_at(self, session: str) -> str:
        standing = (place.partition(" ") for place, number in self._standing.items() if number)
        return next((point for who, _, point in standing if who == session), "")

    def advancing(self, max_steps: int | None = None) -> Callable[[], Any]:
        workflow_id = self.row.pk
        return lambda: advance(workflow_id, max_steps=max_steps)

    def comes_to_rest(self) -> None:
        """Let workers look as often as the sweep would send one."""
        workflow_id = self.row.pk
        with registry.override(self.deployed or self.workflow):
            for _ in range(20):
                if workflow_id not in due_workflows(timezone.now()):
                    return
                advance(workflow_id)
        raise AssertionError("The workflow never comes to rest.")

    def told(self) -> str:
        row = self.row
        told = [super().told()]
        told += [
            f"{event.message_id} says {event.payload}"
            for event in self.events()
            if event.payload is not None
        ]
        for late in Evidence.objects.filter(mutation__run__workflow=row, kind="late"):
            told.append(
                f"late {late.verdict}" + (", which contradicts" if late.contradicts else "")
            )
        polled = LaneState.objects.filter(handler__workflow=row, handler__kind="producer")
        if polled.exclude(state=None).exists():
            told.append("polled")
        if row.status != "active":
            told.append(row.status)
        if str(row.active_version) != FIRST_VERSION:
            told.append(str(row.active_version))
        return "; ".join(told)

    def _runs(self) -> QuerySet[Run]:
        return super()._runs().filter(handler__kind="consumer").select_related("version")

    def _told_of(self, run: Run) -> str:
        version = str(run.version)
        told = super()._told_of(run) + ("" if version == FIRST_VERSION else f" by {version}")
        return f"{told}, to be retried" if run.owes_retry else told

    def code(
        self, *, limit: int = 1, version: str = "1.0", consumes: bool = True
    ) -> type[Workflow]:
        arena = self

        class Poll(Producer):
            __qualname__ = "Poll"
            publishes = [TOPIC]
            #: Only when a person wants it.
            schedule = Cron("0 0 29 2 *")

            def poll(self, ctx: PollContext, state: Any) -> Any:
                arena.passes("poll")
                return "polled"

        base = super().code(limit=limit, version=version)
        body: dict[str, Any] = {"__module__": __name__, "producers": [Poll]}
        if not consumes:
            body["consumers"] = []
        return type("Payments", (base,), body)


class AtBoundaries:
    """In place of the name of the boundary to die at: the host compares each with it, and stands there."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena

    def __eq__(self, boundary: object) -> bool:
        self._arena.passes(str(boundary))
        return False

    __hash__ = None  # type: ignore[assignment]
