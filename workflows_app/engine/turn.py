"""A turn: one short transaction for all that a worker holds (P1, P2, P4, P8).

It looks at its claims under the workflows' locks, writes what came back since the last turn, looks at what
is free, and begins as many runs as there is room for. Then COMMIT, and only then does anybody act on it:
a call leaves after its checkpoint is durable, never before.

Every row that came back is read anew under the lock, and changed by the transitions of its model: what a
person or another worker has decided meanwhile is seen, and an answer that can change nothing any more is
kept as evidence. Nothing in memory changes before the commit; so a turn that the database refused, or
whose answer was lost, is simply done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from workflows_app.engine import lanes as lane_states
from workflows_app.engine.answers import Verdict
from workflows_app.engine.beginning import Beginner
from workflows_app.engine.case import Case, Changes
from workflows_app.engine.commit import outcome_of
from workflows_app.engine.drift import seconds_ahead
from workflows_app.engine.holding import Hand, Holding
from workflows_app.engine.items import Asked, Called, Item, Naming, Step, Taken, Waits
from workflows_app.engine.log import told_when_durable
from workflows_app.engine.naming import write_naming
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.peeking import read_ahead
from workflows_app.engine.phases import Finished, Prepared
from workflows_app.engine.places import BEGIN_NOTHING, Limits
from workflows_app.engine.publications import Publications
from workflows_app.engine.resting import rest_or_extend
from workflows_app.engine.sight import Sight
from workflows_app.engine.writing import is_checked, is_expected, is_told, write
from workflows_app.models import Run
from workflows_app.models.collecting import collected, then

Clock = Callable[[], datetime]


def take_turn(
    holdings: Sequence[Holding],
    items: Sequence[Item],
    *,
    limits: Limits,
    clock: Clock | None = None,
    namings: Iterable[Naming] = (),
) -> Taken:
    """Take a turn for `holdings`, whose runs `items` are about. Opens a transaction and commits."""
    is_nested = connection.in_atomic_block
    turn = _Turn(holdings, items, limits, clock, list(namings), is_nested=is_nested)
    with told_when_durable(), transaction.atomic(durable=not is_nested):
        return turn.take()


def commit_alone(
    hand: Hand, item: Item, *, first: Callable[[], None], clock: Clock | None
) -> Taken:
    """Run `first`, then write `item`, in one transaction that waits for the workflow's lock. Commits.

    The lock comes last, so that `first`, which may take long, holds nobody up. Raises Overtaken if the
    run is no longer as `item` expects it: then `first` is undone too.
    """
    is_nested = connection.in_atomic_block
    with told_when_durable(), transaction.atomic(durable=not is_nested):
        first()
        turn = _Turn(
            [hand.holding], [item], BEGIN_NOTHING, clock, [], is_nested=is_nested, waits=True
        )
        return turn.take()


class Overtaken(Exception):
    """A run that commits by itself has been taken over, or has ended, meanwhile."""


class _Turn:
    def __init__(
        self,
        holdings: Sequence[Holding],
        items: Sequence[Item],
        limits: Limits,
        clock: Clock | None,
        namings: list[Naming],
        *,
        is_nested: bool,
        waits: bool = False,
    ) -> None:
        self._holdings = holdings
        #: Checkpoints come last: what an answer says of the outside system counts for them.
        self._items = sorted(items, key=lambda item: isinstance(item.what, Prepared))
        self._limits = limits
        self._clock = clock
        self._namings = namings
        self._changes = Changes()
        #: All or nothing: what is not as expected undoes the transaction.
        self._is_alone = waits
        #: Part of a transaction that somebody else ends.
        self._is_nested = is_nested
        self._publications = Publications(
            (item.hand, item.what.publications) for item in items if isinstance(item.what, Finished)
        )
        ending = [item.hand for item in items if _may_end(item)]
        self._looks = limits.may_begin and (limits.looks or bool(ending))
        self._sight = Sight(
            holdings,
            hands=[item.hand for item in items],
            ending=ending,
            event_ids=_wanted(items) + [pk for one in namings for pk in one.said],
            publications=self._publications,
            room=limits.most + len(ending) if self._looks else 0,
            waits=waits,
            may_be_lost=not any(isinstance(item.what, _MUST_LAST) for item in items),
            is_nested=is_nested,
        )

    def take(self) -> Taken:
        """Needs an open transaction, and ends it unless it is part of another one."""
        sight = self._sight
        asked_at = timezone.now()
        sight.read()
        ahead = seconds_ahead(sight.database_now, asked_at=asked_at, answered_at=timezone.now())
        now = self._clock() if self._clock else sight.database_now
        taken = Taken(now, seconds_ahead=ahead)
        with collected(commit=not self._is_nested):
            held = self._those_held(taken)
            if len(held) < len(self._holdings):
                self._refuse_alone()
            for item in self._items:
                if item.hand.holding.id in held:
                    self._write(item, taken)
                elif item.hand.holding not in [*taken.fenced, *taken.let_go]:
                    taken.left.append(item)
            for naming in self._namings:
                if naming.holding.id in held:
                    write_naming(naming, self._sight.wanted, self._changes)
            beginner = Beginner(sight, self._changes, taken)
            # The one with the least in hand comes first: no workflow takes all places for long.
            for holding in sorted(held.values(), key=lambda one: len(one.hands)):
                if self._looks:
                    beginner.begin(holding, room=self._limits.room_for(holding))
            rest_or_extend(held.values(), sight, taken, self._changes)
            self._write_lanes()
            give_ahead = read_ahead(step for step in taken.steps if step.todo is Todo.PREPARE)
        give_ahead()
        return taken

    def _write_lanes(self) -> None:
        changes = self._changes
        if changes.notes:
            then(lane_states.note(changes.notes))
        if changes.news:
            then(lane_states.announce(sorted(changes.news)))
        if changes.touched:
            then(lane_states.refresh(changes.touched))

    def _those_held(self, taken: Taken) -> dict[int, Holding]:
        """Return the holdings that are locked and still ours, as they are now."""
        held = {}
        for holding in self._holdings:
            locked = self._sight.locked.get(holding.id)
            if locked is None:
                continue
            ours = (holding.claim.token, holding.claim.holder)
            if (locked.token, locked.holder) != ours:
                # If the last claim is ours, an earlier try of this turn gave it back, and only the answer
                # to its COMMIT was lost.
                is_given_back = (locked.token, locked.claimed_by) == ours
                (taken.let_go if is_given_back else taken.fenced).append(holding)
                continue
            holding.see(locked.status, locked.active_version_id)
            held[holding.id] = holding
        return held

    def _write(self, item: Item, taken: Taken) -> None:
        hand, what = item.hand, item.what
        run = self._sight.runs.get(hand.run.pk)
        if run is None or run.started_at != hand.run.started_at:
            self._refuse_alone()
            taken.forgotten.append(hand)
            if isinstance(what, Called | Asked):
                # Nobody else will ever know of it.
                taken.late.append((hand, what.finding))
            return
        case = self._case(hand, run, taken.now)
        if not is_expected(hand, run, what):
            self._refuse_alone()
            if isinstance(what, Waits):
                # It has its place by now.
                return
            if item.is_again and isinstance(what, Prepared) and is_checked(hand, run):
                # It was written, and the answer to COMMIT was lost. Nothing has left.
                next_one = Todo.CALL if run.phase == Run.Phase.MUTATING else Todo.NEXT
                taken.steps.append(Step(hand, run, next_one, prepared=what.result))
                return
            if isinstance(what, Called | Asked) and not (item.is_again and is_told(run, what)):
                taken.late.append((hand, what.finding))
            self._go_on_as_it_is(hand, run, taken)
            return
        todo = write(case, item, self._sight.wanted)
        if todo is None:
            taken.starting_over.append(hand)
            return
        if isinstance(what, Finished):
            self._publications.write(hand.holding, run, what.publications, self._changes)
        step = Step(hand, run, todo)
        if isinstance(what, Prepared):
            step.prepared = what.result
        if todo is Todo.NEXT:
            step.outcome = outcome_of(run)
        taken.steps.append(step)

    def _refuse_alone(self) -> None:
        """Undo it all, if nothing but this one run is to be written."""
        if self._is_alone:
            raise Overtaken

    def _go_on_as_it_is(self, hand: Hand, run: Run, taken: Taken) -> None:
        """Let go of the run: what it does next follows from its rows, at the next look."""
        taken.steps.append(Step(hand, run, Todo.NOTHING))
        hand.holding.is_to_look = True

    def _case(self, hand: Hand, run: Run, now: datetime) -> Case:
        holding = hand.holding
        known = run._state.fields_cache
        known["workflow"], known["handler"] = holding.workflow, holding.handlers[run.handler_id]
        return Case(
            holding=holding,
            run=run,
            events=self._sight.held.get(run.pk, []),
            now=now,
            changes=self._changes,
            breakers=self._sight.breakers,
            lane=hand.lane,
        )


#: What is known to this process alone, or must be known before a call leaves.
_MUST_LAST = (Prepared, Called, Asked)


def _may_end(item: Item) -> bool:
    """Tell whether the run may end in this turn: then its events, and what waits in its lane, matter."""
    match item.what:
        case Prepared() | Waits():
            return False
        case Called(finding) | Asked(finding):
            return finding.verdict != Verdict.APPLIED
    return True


def _wanted(items: Sequence[Item]) -> list[int]:
    return [
        record.id
        for item in items
        if isinstance(item.what, Prepared) and not item.what.is_again
        for record in item.what.result.reservations
    ]
