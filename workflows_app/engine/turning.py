"""Taking turns whatever the database does: away, it is waited for; what it refuses is done one by one (P1).

A turn that was refused has changed nothing, in the database or in memory. Each of its items is done again by
itself: so a bad row fails alone. What was lost with a connection may have been committed or not: it is done
again, and the rows tell.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

from django.db import DatabaseError, Error, connection
from django.utils import timezone
from psycopg.errors import LockNotAvailable, QueryCanceled

from workflows_app.boundaries import Boundary, reached
from workflows_app.conf import policy
from workflows_app.engine.answers import Finding, Verdict
from workflows_app.engine.drift import Drift
from workflows_app.engine.holding import Holding
from workflows_app.engine.items import Asked, Called, Item, Naming, Taken
from workflows_app.engine.limits import Limits
from workflows_app.engine.log import log, logger
from workflows_app.engine.outages import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    retry_through_outage,
)
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.phases import Broke, Finished, Polled, Prepared, cut, said_by
from workflows_app.engine.turn import Clock, take_turn
from workflows_app.models import Run
from workflows_app.outages import pauses, watch

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
        try:
            yield self._through_outage(holdings, items, limits, list(namings))
        except DatabaseError as error:
            if watch.saw(error):
                raise
            logger.warning("turn.refused items=%s error=%s", len(items), _said(error))
            yield from self._one_by_one(holdings, items, limits)

    def _one_by_one(
        self, holdings: Sequence[Holding], items: list[Item], limits: Limits
    ) -> Iterator[Turned]:
        nothing = Limits(may_begin=False)
        for item in items:
            # Whether it was committed before an outage is not known any more: its rows tell.
            yield self._alone(replace(item, is_again=True), nothing)
        for holding in holdings:
            try:
                yield self._through_outage([holding], [], limits, [])
            except DatabaseError as error:
                if watch.saw(error):
                    raise
                logger.exception("workflow.not_advanced workflow=%s", holding.workflow.slug)
                # What is in hand is not let go: its calls are under way.
                taken = Taken(self.now())
                (taken.refused if holding.hands else taken.let_go).append(holding)
                yield taken, []
                yield from self._kept(holding)

    def _kept(self, holding: Holding) -> Iterator[Turned]:
        """Keep the claim of a workflow in which the database lets nothing begin, if a run is in hand."""
        if not holding.hands:
            return
        try:
            yield self._through_outage([holding], [], Limits(may_begin=False), [])
        except DatabaseError as error:
            if watch.saw(error):
                raise
            logger.warning("claim.not_kept workflow=%s", holding.workflow.slug)

    def _alone(self, item: Item, limits: Limits) -> Turned:
        holding = item.hand.holding
        try:
            return self._through_outage([holding], [item], limits, [])
        except DatabaseError as error:
            if watch.saw(error):
                raise
            if isinstance(error.__cause__, LockNotAvailable | QueryCanceled):
                # An application is writing the same row, or the database is too busy: what came back from
                # outside is kept, and this run waits, and nobody else does.
                return Taken(self.now(), left=[item]), []
            log("run.refused", item.hand.run, level=40, error=_said(error))
            told = replace(item, what=_what_is_left(item, error))
            return self._through_outage([holding], [told], limits, [])[0], [told]

    def _through_outage(
        self, holdings: Sequence[Holding], items: list[Item], limits: Limits, namings: list[Naming]
    ) -> Turned:
        if connection.in_atomic_block:
            return self._turn(holdings, items, limits, namings)
        # Also if nothing has come back yet: an answer may come meanwhile, and only this process knows it.
        deadline = time.monotonic() + policy().answer_kept_seconds
        for pause in chain([0.0], pauses(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)):
            try:
                turned = self._turn(holdings, items, limits, namings)
            except Error as error:
                if not watch.saw(error) or time.monotonic() + pause > deadline:
                    raise
                items = [replace(item, is_again=True) for item in items]
                connection.close()
                time.sleep(pause)
            else:
                watch.back()
                return turned
        raise AssertionError("the pauses have no end")

    def _turn(
        self, holdings: Sequence[Holding], items: list[Item], limits: Limits, namings: list[Naming]
    ) -> Turned:
        taken = take_turn(holdings, items, limits=limits, clock=self._clock, namings=namings)
        return taken, items

    def tell_of_clock(self, seconds_ahead: float) -> None:
        """Tell of a clock that differs, unless that was said lately. Commits."""
        if self._drift.is_news(seconds_ahead):
            self.outlast(lambda: self._drift.tell(seconds_ahead))

    def outlast(self, write: Callable[[], None]) -> None:
        """Call `write` unless the database stays away for long: then it is not needed."""
        try:
            retry_through_outage(write, within_seconds=policy().lease_seconds)
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
        return Asked(Finding(Verdict.UNKNOWN, f"the answer came, but {why}"), what.attempts)
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
