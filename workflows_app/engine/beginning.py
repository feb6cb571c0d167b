"""Beginning what is next, in the transaction of a turn (P2, P8)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from workflows_app.engine import breakers, pending, recovery, retry
from workflows_app.engine import prepared as prepare_results
from workflows_app.engine.case import Case, Changes
from workflows_app.engine.commit import outcome_of
from workflows_app.engine.contexts import PrefetchedPeek, habit_of
from workflows_app.engine.holding import Hand, Holding, LaneView
from workflows_app.engine.items import Step, Taken
from workflows_app.engine.lanes import Note
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.planner import (
    Begin,
    BreakerView,
    Continue,
    Decision,
    FreeLane,
    OwedRetry,
    Plan,
    Reconcile,
    Recover,
    Retry,
    Snapshot,
    plan,
)
from workflows_app.engine.sight import Sight
from workflows_app.models import Breaker, Event, Handler, Run, Workflow
from workflows_app.models.saving import ask, flush, save_with_history


class Beginner:
    """Begins runs of the workflows of one turn, as long as there is room."""

    def __init__(self, sight: Sight, changes: Changes, taken: Taken, now: datetime) -> None:
        self._sight = sight
        self._changes = changes
        self._taken = taken
        self._now = now
        self._views: dict[tuple[int, str], LaneView] = {}
        self._notes: dict[tuple[int, str], Note] = {}
        self._peeks: list[tuple[Step, pending.Want]] = []
        self._peeked: Any = None
        #: Those that came back, by the workflow.
        self._came_back: dict[int, list[Step]] = {}
        for step in taken.steps:
            self._came_back.setdefault(step.hand.holding.id, []).append(step)
        #: Places that ended runs have left.
        self._freed = sum(step.has_ended for step in taken.steps)
        self._begun = 0

    def begin(self, holding: Holding, *, room: int) -> None:
        """Begin what is next in `holding`. Needs its lock, within `collected`."""
        ended = sum(step.has_ended for step in self._steps_of(holding))
        lanes_left = holding.code.policy_for().lanes_at_once - len(holding.hands) + ended
        left = min(room + self._freed - self._begun, lanes_left)
        begins = holding.is_current and not holding.is_closing
        found = self.plan_for(holding, left) if begins else Plan()
        self._taken.looked[holding.id] = found.look_at
        if found.has_more:
            self._taken.has_more.add(holding.id)
        for decision in found.decisions:
            self._begun += 1
            self._taken.begun += 1
            step = self._step(decision, holding)
            self._taken.steps.append(step)
        unnamed = [
            event
            for event in self._sight.unnamed.get(holding.id, ())
            if (event.pk, event.revision) not in holding.unnameable
        ]
        if unnamed and begins:
            self._taken.unnamed.append((holding, unnamed))

    def plan_for(self, holding: Holding, room: int) -> Plan:
        """Return what is next in `holding`."""
        sight, code = self._sight, holding.code
        return plan(
            Snapshot(
                now=self._now,
                room=room,
                is_paused=holding.workflow.status == Workflow.Status.PAUSED,
                loose=sight.loose_runs(holding),
                reconciles=tuple(sight.reconciles.get(holding.id, ())),
                retries=tuple(
                    OwedRetry(
                        owed.run_id,
                        owed.due_at,
                        owed.only_next_is_missing,
                        owed.handler_id,
                        code.handler_named(holding.handlers[owed.handler_id].name) is not None,
                    )
                    for owed in sight.retries.get(holding.id, ())
                ),
                lanes=tuple(self._free_lanes(holding)),
                breakers=tuple(self._breakers(holding)),
            )
        )

    def _free_lanes(self, holding: Holding) -> Iterator[FreeLane]:
        handlers = {
            pk: handler
            for pk, handler in holding.handlers.items()
            if holding.code.handler_named(handler.name) is not None
        }
        found: dict[tuple[int, str], tuple[LaneView, bool]] = {}
        for pk in handlers:
            for view in self._sight.ready.get(pk, ()):
                known = found.get((pk, view.lane))
                if known is None or known[0].oldest_pending is None:
                    found[(pk, view.lane)] = (view, True)
        notes = {(note.handler_id, note.lane): note for note in self._changes.notes}
        for lane in self._lanes_freed(holding):
            for freed in self._sight.freed.get((holding.id, lane), ()):
                key = (freed.view.handler_id, lane)
                view, seen = freed.view, freed.seen
                note = notes.get(key)
                if note is not None:
                    arrivals, oldest = view.arrivals, view.oldest_pending
                    failures = note.failures
                    view = LaneView(*key, note.state, arrivals, failures, oldest, note.wake_at)
                    seen = note.seen
                if key[0] in handlers:
                    found[key] = (view, seen is None or seen != view.arrivals)
        for (pk, lane), (view, has_news) in found.items():
            self._views[(pk, lane)] = view
            yield FreeLane(
                pk,
                lane,
                oldest_pending=view.oldest_pending if has_news else None,
                wake_at=view.wake_at,
                is_producer=handlers[pk].kind == Handler.Kind.PRODUCER,
            )

    def _steps_of(self, holding: Holding) -> list[Step]:
        return self._came_back.get(holding.id, [])

    def _lanes_freed(self, holding: Holding) -> set[str]:
        """Return the lanes whose run has ended in this turn and owes nothing."""
        return {
            step.run.lane
            for step in self._steps_of(holding)
            if step.has_ended and step.run.status not in Run.OPEN and not step.run.owes_retry
        }

    def _breakers(self, holding: Holding) -> Iterator[tuple[int, BreakerView]]:
        for pk, breaker in self._sight.breakers.items():
            if pk not in holding.handlers or breaker.lets_calls_out:
                continue
            ended = {step.run.pk for step in self._steps_of(holding) if step.has_ended}
            under_way = any(
                hand.run.handler_id == pk
                for hand in holding.hands.values()
                if hand.run.pk not in ended
            )
            is_tried = breaker.status == Breaker.Status.HALF_OPEN and under_way
            assert breaker.trial_at is not None
            yield pk, BreakerView(breaker.trial_at, is_being_tried=is_tried)

    def _step(self, decision: Decision, holding: Holding) -> Step:
        match decision:
            case Begin(handler_id, lane):
                return self._begin(holding, handler_id, lane)
            case Retry(run_id):
                return self._retry(holding, run_id)
            case Recover(run_id):
                return self._recover(holding, run_id)
            case Continue(run_id):
                return self._continue(holding, run_id)
            case Reconcile(run_id):
                run = self._load(holding, run_id)
                return Step(self._hand(holding, run), run, Todo.ASK)

    def _begin(self, holding: Holding, handler_id: int, lane: str) -> Step:
        handler = holding.handlers[handler_id]
        run = Run(
            workflow=holding.workflow,
            handler=handler,
            lane=lane,
            version=holding.workflow.active_version,
            fencing_token=holding.claim.token,
            started_at=self._now,
        )
        save_with_history(run, reason="started")
        self._touch(run)
        self._try(handler_id, f"of lane '{lane}'")
        hand = Hand(holding, run, self._views[(handler_id, lane)])
        if handler.kind == Handler.Kind.PRODUCER:
            return Step(hand, run, Todo.POLL)
        step = Step(hand, run, Todo.PREPARE)
        self._want_to_peek(step)
        return step

    def _try(self, handler_id: int, which: str) -> None:
        breaker = self._sight.breakers.get(handler_id)
        if breaker is not None and breaker.status == Breaker.Status.OPEN:
            breakers.try_one(breaker, which=which)

    def _touch(self, run: Run) -> None:
        self._changes.touched.add((run.workflow_id, run.lane))

    def _load(self, holding: Holding, run_id: int) -> Run:
        run = Run.objects.select_related("retry_of", "mutation", "carried_mutation").get(pk=run_id)
        run.workflow = holding.workflow
        run.handler = holding.handlers[run.handler_id]
        return run

    def _hand(self, holding: Holding, run: Run) -> Hand:
        hand = Hand(holding, run, LaneView.read(run.handler_id, run.lane))
        if run.phase != Run.Phase.PREPARING:
            flush()
            hand.prepared = prepare_results.from_run(run)
        return hand

    def _held_by(self, run: Run) -> list[Event]:
        return list(Event.objects.filter(reserved_by=run).defer("payload").order_by("pk"))

    def _retry(self, holding: Holding, run_id: int) -> Step:
        ended = self._load(holding, run_id)
        next_only = retry.only_next_is_missing(ended)
        version = holding.workflow.active_version
        assert version is not None
        made = retry.make_retry(
            ended,
            self._held_by(ended),
            version=version,
            reason=f"retry of run {run_id}",
            now=self._now,
            token=holding.claim.token,
            same_prepare_result=not next_only
            and recovery.took_over(ended)
            and ended.failure_kind == "",
            **retry.counts_of(ended),
        )
        made.workflow, made.handler = holding.workflow, ended.handler
        self._touch(made)
        if not next_only:
            self._try(made.handler_id, f"run {made.pk}")
        return self._carry_on(holding, made)

    def _continue(self, holding: Holding, run_id: int) -> Step:
        run = self._load(holding, run_id)
        version = holding.workflow.active_version
        assert version is not None
        run.version = version
        run.fencing_token = holding.claim.token
        save_with_history(run, reason="continued", fields=["version", "fencing_token"])
        return self._carry_on(holding, run)

    def _carry_on(self, holding: Holding, run: Run) -> Step:
        hand = self._hand(holding, run)
        if run.handler.kind == Handler.Kind.PRODUCER:
            return Step(hand, run, Todo.POLL)
        if run.phase == Run.Phase.MUTATED:
            return Step(hand, run, Todo.NEXT, outcome=outcome_of(run))
        if run.phase == Run.Phase.PREPARING:
            step = Step(hand, run, Todo.PREPARE)
            self._want_to_peek(step)
            return step
        return Step(hand, run, Todo.MUTATE)

    def _recover(self, holding: Holding, run_id: int) -> Step:
        run = self._load(holding, run_id)
        hand = self._hand(holding, run)
        case = Case(
            claim=holding.claim,
            workflow=holding.workflow,
            code=holding.code,
            run=run,
            events=self._held_by(run),
            now=self._now,
            changes=self._changes,
            breakers=self._sight.breakers,
            knows_handlers=True,
            lane=hand.lane,
        )
        return Step(hand, run, recovery.recover(case, token=holding.claim.token))

    def _want_to_peek(self, step: Step) -> None:
        holding, run = step.hand.holding, step.run
        consumer = holding.code.handler_named(run.handler.name)
        habit = habit_of(consumer) if consumer is not None else None
        topic = holding.topics.get(habit.topic) if habit is not None else None
        if habit is not None and topic is not None:
            self._peeks.append((step, pending.Want(topic.pk, run.lane, habit.limit)))

    def peek_ahead(self) -> None:
        """Let what will probably be peeked at be read after all that is written."""
        if self._peeks:
            self._peeked = ask(pending.oldest([want for _, want in self._peeks]))

    def take_what_was_peeked(self) -> None:
        """Give what was read to the runs that were begun."""
        if self._peeked is None:
            return
        found: dict[int, list[Event]] = {}
        for event in self._peeked.rows():
            found.setdefault(event.place, []).append(event)
        for place, (step, want) in enumerate(self._peeks, start=1):
            consumer = step.hand.holding.code.handler_named(step.run.handler.name)
            habit = habit_of(consumer) if consumer is not None else None
            if habit is not None and habit.limit == want.limit:
                step.ahead = PrefetchedPeek(habit, found.get(place, []))
