"""Beginning what is next, in the transaction of a turn (P2, P8).

`engine.planner` decides, from what `engine.snapshot` shows it; here each decision becomes a run in hand, and
what it does next.
"""

from __future__ import annotations

from datetime import datetime

from workflows_app.engine import breakers, recovery, retry
from workflows_app.engine import prepared as prepare_results
from workflows_app.engine.case import Case, Changes
from workflows_app.engine.commit import outcome_of
from workflows_app.engine.holding import Hand, Holding, LaneView
from workflows_app.engine.items import Step, Taken
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.planner import (
    Begin,
    Continue,
    Decision,
    Plan,
    Reconcile,
    Recover,
    Retry,
    plan,
)
from workflows_app.engine.sight import Sight
from workflows_app.engine.snapshot import Snapshots
from workflows_app.models import Breaker, Event, Handler, Run
from workflows_app.models.collecting import flush
from workflows_app.models.saving import save_with_history


class Beginner:
    """Begins runs of the workflows of one turn, as long as there is room."""

    def __init__(self, sight: Sight, changes: Changes, taken: Taken) -> None:
        self._sight = sight
        self._changes = changes
        self._taken = taken
        self._snapshots = Snapshots(sight, changes, taken)
        #: Places that ended runs have left.
        self._freed = sum(step.has_ended for step in taken.steps)
        #: Those that this turn counts.
        self._deaths: set[tuple[int, int | None] | None] = set()

    def begin(self, holding: Holding, *, room: int) -> None:
        """Begin what is next in `holding`. Needs its lock, within `collected`."""
        ended = self._snapshots.ended(holding)
        lanes_left = holding.policy.lanes_at_once - len(holding.hands) + ended
        left = min(room + self._freed - self._taken.begun, lanes_left)
        begins = holding.is_current and not holding.is_closing
        has_work = begins and (ended or self._sight.work.shows_work_in(holding))
        found = plan(self._snapshots.of(holding, room=left)) if has_work else Plan()
        self._taken.looked[holding.id] = found.look_at
        if found.has_more:
            self._taken.has_more.add(holding.id)
        for decision in found.decisions:
            if self._changes.breaker_opened and isinstance(decision, Begin | Retry | Continue):
                # By a recovery just before: the plan is made anew.
                self._taken.has_more.add(holding.id)
                continue
            self._taken.begun += 1
            self._taken.steps.append(self._step(decision, holding))
        seen = self._sight.work.unnamed.get(holding.id, ())
        unnamed = [event for event in seen if event.pk not in self._changes.named]
        if unnamed and begins:
            self._taken.unnamed.append((holding, unnamed))

    def _step(self, decision: Decision, holding: Holding) -> Step:
        match decision:
            case Begin(handler_id, lane):
                return self._begin(holding, handler_id, lane)
            case Retry(run_id):
                return self._retry(holding, run_id)
            case Recover(run_id):
                return self._recover(holding, run_id)
            case Continue(run_id, is_ordered):
                return self._continue(holding, run_id, is_ordered=is_ordered)
            case Reconcile(run_id):
                run = self._load(holding, run_id)
                return Step(self._hand(holding, run), run, Todo.ASK)

    def _begin(self, holding: Holding, handler_id: int, lane: str) -> Step:
        handler = holding.handlers[handler_id]
        run = Run.begun(
            workflow=holding.workflow,
            handler=handler,
            lane=lane,
            version=holding.version,
            fencing_token=holding.claim.token,
            started_at=self._taken.now,
        )
        save_with_history(run, reason="started")
        self._changes.touch(run)
        trial_at = self._try(handler_id, f"of lane '{lane}'")
        hand = Hand(holding, run, self._snapshots.views[(handler_id, lane)], trial_at=trial_at)
        if handler.kind == Handler.Kind.PRODUCER:
            return Step(hand, run, Todo.POLL)
        return Step(hand, run, Todo.PREPARE)

    def _try(self, handler_id: int, which: str) -> datetime | None:
        """Let a run that begins to send be the trial of an open breaker; return which opening it tries."""
        breaker = self._sight.breakers.get(handler_id)
        if breaker is None:
            return None
        if breaker.status == Breaker.Status.OPEN:
            breakers.try_one(breaker, which=which)
        trial_at: datetime | None = breaker.trial_at
        return trial_at

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
        made = retry.make_retry(
            ended,
            self._held_by(ended),
            version=holding.version,
            reason=f"retry of run {run_id}",
            now=self._taken.now,
            token=holding.claim.token,
            same_prepare_result=not next_only
            and recovery.took_over(ended)
            and ended.failure_kind == "",
            **retry.counts_of(ended, holding.version),
        )
        made.workflow, made.handler = holding.workflow, ended.handler
        self._changes.touch(made)
        step = self._carry_on(holding, made)
        if not next_only:
            step.hand.trial_at = self._try(made.handler_id, f"run {made.pk}")
        return step

    def _continue(self, holding: Holding, run_id: int, *, is_ordered: bool) -> Step:
        run = self._load(holding, run_id)
        run.version = holding.version
        run.fencing_token = holding.claim.token
        save_with_history(run, reason="continued", fields=["version", "fencing_token"])
        step = self._carry_on(holding, run)
        step.hand.is_ordered = is_ordered
        if step.todo in (Todo.PREPARE, Todo.MUTATE) and not is_ordered:
            step.hand.trial_at = self._try(run.handler_id, f"run {run_id}")
        return step

    def _carry_on(self, holding: Holding, run: Run) -> Step:
        hand = self._hand(holding, run)
        if run.handler.kind == Handler.Kind.PRODUCER:
            return Step(hand, run, Todo.POLL)
        if run.phase == Run.Phase.MUTATED:
            return Step(hand, run, Todo.NEXT, outcome=outcome_of(run))
        is_new = run.phase == Run.Phase.PREPARING
        return Step(hand, run, Todo.PREPARE if is_new else Todo.MUTATE)

    def _recover(self, holding: Holding, run_id: int) -> Step:
        run = self._load(holding, run_id)
        hand = self._hand(holding, run)
        case = Case(
            holding=holding,
            run=run,
            events=self._held_by(run),
            now=self._taken.now,
            changes=self._changes,
            breakers=self._sight.breakers,
            lane=hand.lane,
        )
        death = (run.handler_id, run.fencing_token) if recovery.was_in_flight(run) else None
        is_counted = death in holding.deaths or death in self._deaths
        todo = recovery.recover(case, is_counted=is_counted)
        self._deaths.add(death)
        return Step(hand, run, todo, death=death)
