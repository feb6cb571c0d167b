"""Where actors meet: what has become of a workflow, and of its event 42, before they come."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from tests.concurrency.arena import Arena
from workflows_app.engine.advancing import advance
from workflows_app.models import Breaker
from workflows_app.models.saving import save_with_history
from workflows_app.operations import it_didnt_happen, run_producers_now, skip_run
from workflows_app.sdk import NotApplied
from workflows_app.testing import SimulatedCrash

#: Brings the workflow there.
Place = Callable[[Arena], None]

NO_ANSWER = TimeoutError("no answer")


def decider() -> User:
    """Return the person who decided before the actors come."""
    return User.objects.get(username="pia")


def pending(arena: Arena) -> None:
    """Nobody has looked at the event."""
    arena.publish("42")


def reconciling(arena: Arena) -> None:
    """The call has brought no answer, and the worker died as it asked; the host is to ask now."""
    arena.failing = NO_ANSWER
    _dies(arena, "lookup")
    arena.failing = None


def blocked(arena: Arena) -> None:
    """Nobody knows whether it happened, and asking was of no use."""
    _happens(arena, failing=NO_ANSWER, evading=True)


def rejected(arena: Arena) -> None:
    """The outside system refused for good: the retry waits for a person."""
    _happens(arena, failing=NotApplied("no such account"))


def refused(arena: Arena) -> None:
    """The outside system refused for the time being: the retry is due."""
    _happens(arena, failing=NotApplied("come again", retryable=True), max_steps=1)


def skipped(arena: Arena) -> None:
    """A person has given it up; `next` is still to be run."""
    blocked(arena)
    skip_run(arena.last_run(), actor=decider(), reason="given up")


def asserted(arena: Arena) -> None:
    """A person has said that it didn't happen; it is to be sent again."""
    blocked(arena)
    it_didnt_happen(arena.last_run(), actor=decider(), reason="not there")


def died_in_prepare(arena: Arena) -> None:
    """The worker died before it did anything."""
    _dies(arena, "prepare")


def died_in_flight(arena: Arena) -> None:
    """It happened, and the worker died before it wrote that down."""
    _dies(arena, "answer")


def held_back(arena: Arena) -> None:
    """Calls brought no answer, so that no new one goes out for a while."""
    arena.publish("42")
    consumer = arena.row.handlers.get(kind="consumer")
    breaker = Breaker(handler=consumer, unknowns=5)
    now = timezone.now()
    breaker.open(now=now, trial_at=now + timedelta(hours=1))
    save_with_history(breaker, reason="five calls brought no answer")


def to_be_polled(arena: Arena) -> None:
    """There is no event; a person wants the producers to look."""
    run_producers_now(arena.row, actor=decider(), reason="what is new?")


def _happens(
    arena: Arena, *, failing: Exception, evading: bool = False, max_steps: int | None = None
) -> None:
    arena.publish("42")
    arena.failing, arena.evading = failing, evading
    advance(arena.row.pk, max_steps=max_steps)
    arena.failing, arena.evading = None, False


def _dies(arena: Arena, point: str) -> None:
    arena.publish("42")
    arena.faults[point] = SimulatedCrash()
    with suppress(SimulatedCrash):
        advance(arena.row.pk)
    arena.faults.clear()


def abandoned(arena: Arena) -> None:
    """A worker is in `prepare`, and no more is heard of it."""
    arena.publish("42")
    arena.hold("incumbent prepare")
    arena.start("incumbent", arena.advancing())
    arena.wait_for("incumbent prepare")
