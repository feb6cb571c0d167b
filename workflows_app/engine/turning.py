"""Taking turns whatever the database does: away, it is waited for; what it refuses is done one by one (P1).

A turn that was refused has changed nothing, in the database or in memory. Each of its items is done again by
itself: so a bad row fails alone. What was lost with a connection may have been committed or not: it is done
again, and the rows tell.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import DatabaseError, Error
from django.utils import timezone

from workflows_app.boundaries import Boundary, reached
from workflows_app.conf import policy
from workflows_app.engine.answers import Finding, Verdict
from workflows_app.engine.drift import Drift
from workflows_app.engine.holding import Holding
from workflows_app.engine.items import Asked, Called, Item, Naming, Taken
from workflows_app.engine.log import log, logger
from workflows_app.engine.outages import HELD_UP, retry_through_outage
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.phases import Broke, Finished, Polled, Prepared, cut, said_by
from workflows_app.engine.places import BEGIN_NOTHING, Limits
from workflows_app.engine.turn import Clock, take_turn
from workflows_app.models import Run
from workflows_app.outages import watch

Turned = tuple[Taken, list[Item]]


class Turner:
    """Takes turns by one clock."""

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock
        self._drift = Drift()

    def now(self) -> datetime:
        """Return the time of this process, to know when to look again. What is due, the turn decides."""
        return self._clock() if self._clock else timezone.now()

    def turns(
        self,
        holdings: Sequence[Holding],
        items: list[Item],
        limits: Limits,
        namings: Iterable[Naming],
    ) -> Iterator[Turned]:
        """Take a turn, or as many as it takes; each comes with the items it was about. Commits."""
        turned = self._try(holdings, items, limits, list(namings))
        if not isinstance(turned, DatabaseError):
            yield turned
            return
        logger.warning("turn.refused items=%s error=%s", len(items), _said(turned))
        for item in items:
            # Whether it was committed before an outage is not known any more: its rows tell.
            yield self._alone(replace(item, is_again=True))
        for holding in holdings:
            yield from self._looked(holding, limits)

    def _alone(self, item: Item) -> Turned:
        holding = item.hand.holding
        turned = self._try([holding], [item], BEGIN_NOTHING)
        if not isinstance(turned, DatabaseError):
            return turned
        if isinstance(turned.__cause__, HELD_UP):
            # An application is writing the same row, or the database is too busy: what came back from
            # outside is kept, and this run waits, and nobody else does.
            return Taken(self.now(), left=[item]), []
        log("run.refused", item.hand.run, level=logging.ERROR, error=_said(turned))
        told = replace(item, what=_what_is_left(item, turned))
        return self._through_outage([holding], [told], BEGIN_NOTHING)[0], [told]

    def _looked(self, holding: Holding, limits: Limits) -> Iterator[Turned]:
        """Look at what is next in a workflow. If the database lets nothing begin, only keep its claim."""
        turned = self._try([holding], [], limits)
        if not isinstance(turned, DatabaseError):
            yield turned
            return
        slug = holding.workflow.slug
        logger.error("workflow.not_advanced workflow=%s", slug, exc_info=turned)
        # What is in hand is not let go: its calls are under way.
        taken = Taken(self.now())
        (taken.refused if holding.hands else taken.let_go).append(holding)
        yield taken, []
        if holding.hands:
            kept = self._try([holding], [], BEGIN_NOTHING)
            if isinstance(kept, DatabaseError):
                logger.warning("claim.not_kept workflow=%s", slug)
            else:
                yield kept

    def _try(
        self,
        holdings: Sequence[Holding],
        items: list[Item],
        limits: Limits,
        namings: Sequence[Naming] = (),
    ) -> Turned | DatabaseError:
        """Take a turn, or return why the database refuses it. Raises if it is away for long."""
        try:
            return self._through_outage(holdings, items, limits, namings)
        except DatabaseError as error:
            if watch.saw(error):
                raise
            return error

    def _through_outage(
        self,
        holdings: Sequence[Holding],
        items: list[Item],
        limits: Limits,
        namings: Sequence[Naming] = (),
    ) -> Turned:
        def turn(is_again: bool) -> Turned:
            told = [replace(item, is_again=True) for item in items] if is_again else items
            clock = self._clock
            return take_turn(holdings, told, limits=limits, clock=clock, namings=namings), told

        # Also if nothing has come back yet: an answer may come meanwhile, and only this process knows it.
        return retry_through_outage(turn, within_seconds=policy().answer_kept_seconds)

    def tell_of_clock(self, seconds_ahead: float) -> None:
        """Tell of a clock that differs, unless that was said lately. Commits."""
        if self._drift.is_news(seconds_ahead):
            self.outlast(lambda: self._drift.tell(seconds_ahead))

    def outlast(self, write: Callable[[], None]) -> None:
        """Call `write` unless the database stays away for long: then it is not needed."""
        try:
            retry_through_outage(lambda is_again: write(), within_seconds=policy().lease_seconds)
        except Error as error:
            if not watch.saw(error):
                raise


def _said(error: DatabaseError) -> str:
    said = said_by(error).strip()
    return cut(said.splitlines()[0] if said else type(error).__name__, 300)


def _what_is_left(item: Item, error: DatabaseError) -> Broke | Called | Asked:
    """Return what can be written of an item that the database refused."""
    what = item.what
    why = f"the database refused it: {_said(error)}"
    if isinstance(what, Called):
        finding = Finding(Verdict.UNKNOWN, f"the call returned, but {why}")
        return Called(replace(finding, duration_ms=what.finding.duration_ms))
    if isinstance(what, Asked):
        return replace(what, finding=Finding(Verdict.UNKNOWN, f"the answer came, but {why}"))
    phase = Run.Phase.PREPARED if isinstance(what, Prepared) else Run.Phase.EMITTING
    if not isinstance(what, Prepared | Finished | Polled):
        phase = Run.Phase.PREPARING
    return Broke(Run.FailureKind.LOGIC, why, "", phase.value)


def tell_answer(item: Item, todo: Todo | None) -> None:
    """Say that an answer from outside has come (`boundaries`)."""
    if isinstance(item.what, Called):
        reached(Boundary.ANSWERED)
    elif todo is Todo.ASK:
        reached(Boundary.ASKED)


def tell_boundaries(taken: Taken, items: Iterable[Item]) -> None:
    """Say what has just become durable (`boundaries`)."""
    if taken.begun or not taken.steps:
        reached(Boundary.BEGUN)
    if any(step.todo is Todo.CALL for step in taken.steps):
        reached(Boundary.CHECKED)
    kinds = {type(item.what) for item in items}
    if Called in kinds:
        reached(Boundary.SETTLED)
    if Asked in kinds:
        reached(Boundary.RECONCILED)
    ended = {step.run.status for step in taken.steps if step.has_ended}
    if Run.Status.FAILED in ended:
        reached(Boundary.FAILED)
    if Run.Status.COMMITTED in ended:
        reached(Boundary.COMMITTED)
    if taken.rested:
        reached(Boundary.RESTED)
