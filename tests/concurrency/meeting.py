"""Two actors meet: the first is held at its commit while the second one comes; then both go on."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.db import connection, transaction
from django.test import override_settings

from tests.concurrency import gates
from tests.concurrency.actors import PEOPLE, Actor, Decision, Publisher, Step
from tests.concurrency.arena import Arena, AtBoundaries
from tests.concurrency.places import Place, pending
from workflows_app.boundaries import Boundary
from workflows_app.errors import OperationRefused, SyncRefused
from workflows_app.models import Mutation, OperatorAction, Run, Workflow
from workflows_app.testing import registered

#: Where a worker stands whose turn could not lock the workflow: after a turn that began nothing.
TURNED_AWAY = Boundary.BEGUN.value


@dataclass(frozen=True)
class Outcome:
    """What the second one is told, and what becomes of the workflow."""

    told: str
    ends: str


class Way(Enum):
    """How the second one comes by while the first one is held at its commit."""

    #: It waits for a lock of the first one.
    WAITS = "waits"
    #: A worker's turn: it leaves what the first one has locked, and tries again.
    TRIES = "tries"
    PASSES = "passes"


def meet(arena: Arena, first: Actor, second: Actor, *, way: Way) -> Outcome:
    """Let them meet. `way`: what becomes of the second one meanwhile. Raises AssertionError.

    The first one wins. An application that publishes while the other acts stays in its transaction as
    long as that is so; one that had to wait stays in it until the host has nothing left to do.
    """
    with ExitStack() as stack:
        stack.callback(arena.release_all)
        stack.enter_context(override_settings(WORKFLOWS_DIE_AT=AtBoundaries(arena)))
        stack.enter_context(registered(arena.workflow))
        stack.enter_context(_logged(arena.log))
        place_of(first, second)(arena)
        _forget_jobs()
        return _Meeting(arena, {"first": first, "second": second}).held(way)


def place_of(first: Actor, second: Actor) -> Place:
    """Return where they meet."""
    steps = [actor for actor in (first, second) if isinstance(actor, Step)]
    decisions = [actor for actor in (first, second) if isinstance(actor, Decision)]
    others = [] if steps else [first, second]
    for actor in (*steps, *decisions, *others):
        if actor.place is not None:
            return actor.place
    return steps[0].usual_place if steps else pending


class _Meeting:
    def __init__(self, arena: Arena, actors: dict[str, Actor]) -> None:
        self._arena = arena
        self._actors = actors
        # A worker that may lose its claim before another one that may take it.
        self._in_order = sorted(actors, key=lambda name: not isinstance(actors[name], Step))

    def held(self, way: Way) -> Outcome:
        arena, first, second = self._arena, self._actors["first"], self._actors["second"]
        for session in self._in_order:
            other = second if session == "first" else first
            self._actors[session].bring(arena, session, other)
        arrived = ""
        with gates.closed("first"):
            first.go(arena, "first")
            gates.wait_until_held("first")
            if way is Way.TRIES:
                arena.hold(f"second {TURNED_AWAY}")
            second.go(arena, "second")
            if way is Way.WAITS:
                gates.wait_until_blocked("second", by="first")
            else:
                arrived = second.arrive(arena, "second")
                if way is Way.TRIES:
                    assert arrived == TURNED_AWAY, f"It comes to {arrived}, and is not turned away."
                if isinstance(second, Publisher):
                    # It commits, no more: a sweep may be putting the job that it asks for into the queue.
                    arena.let_through("second published")
                    second.arrive(arena, "second")
            if isinstance(first, Publisher):
                _nobody_holds(arena)
        came_to = first.arrive(arena, "first")
        assert came_to == (first.ends_at.value if first.ends_at else ""), "The first one lost."
        if way is Way.TRIES:
            second.try_again(arena, "second")
        if way is not Way.PASSES:
            arrived = second.arrive(arena, "second")
        arena.faults.clear()
        self._end("incumbent")
        stays_open = (
            way is Way.WAITS and isinstance(second, Publisher) and not isinstance(first, Publisher)
        )
        for session in self._in_order:
            if not (stays_open and session == "second"):
                self._end(session)
        arena.comes_to_rest()
        if stays_open:
            self._end("second")
            arena.comes_to_rest()
        told = second.told(arena, "second", arrived)
        self._assert_on_record(told)
        return Outcome(_plain(told, arena), arena.told())

    def _end(self, session: str) -> None:
        if session in self._arena.rivals:
            self._arena.let_go(session)
            with suppress(OperationRefused, SyncRefused):
                self._arena.rivals[session].result()

    def _assert_on_record(self, told: str) -> None:
        """Whoever decided is on record, whoever was refused is not; what was sent is in the event."""
        won = ["first", "second"] if told == "done" else ["first"]
        decisions = OperatorAction.objects.filter(workflow=self._arena.row).order_by("pk")
        found = decisions.exclude(actor__username="pia")
        assert list(found.values_list("operation", "actor__username", "reason")) == [
            (self._actors[session].name, PEOPLE[session], f"says {PEOPLE[session]}")
            for session in won
            if isinstance(self._actors[session], Decision)
        ]
        sent = Mutation.objects.filter(run__workflow=self._arena.row).exclude(status="failed")
        for mutation in sent:
            reserved = mutation.run.reservations.order_by("pk")
            payloads = list(reserved.values_list("event__payload", flat=True))
            assert mutation.params == {"paying": payloads}


def _nobody_holds(arena: Arena) -> None:
    """An application keeps nobody waiting who keeps the workflow: neither the host nor a person."""
    with transaction.atomic():
        Workflow.objects.select_for_update(nowait=True).get(slug=arena.slug)


def _forget_jobs() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def _plain(told: str, arena: Arena) -> str:
    """Return `told` without what differs from one meeting to the next."""
    runs = list(Run.objects.filter(workflow=arena.row).order_by("pk").values_list("pk", flat=True))
    told = re.sub(r"(?<=[Rr]un )\d+", lambda found: str(runs.index(int(found[0])) + 1), told)
    told = re.sub(r" on [\d-]{10} at [\d:]{8} UTC", " just now", told)
    return told.replace(arena.slug, "pay")


@contextmanager
def _logged(lines: list[str]) -> Iterator[None]:
    """Collect what the project logs, and let nothing be swallowed that Django logs as an error."""
    errors: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())
            if record.levelno >= logging.ERROR and not record.name.startswith("workflows_app"):
                errors.append(f"{record.getMessage()} {record.exc_info}")

    handler: Any = Listening()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    assert errors == []
