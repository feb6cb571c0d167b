"""Advancing a workflow: claim it, take steps while there is something to do, rest it.

Each step looks again under the lock. The look that finds nothing to do gives the claim back in the
same transaction, so that nothing which arrives meanwhile is overlooked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import Error
from django.utils import timezone

from workflows_app import registry
from workflows_app.boundaries import Boundary, reached
from workflows_app.conf import policy
from workflows_app.engine import claims, prepared, retry
from workflows_app.engine.claims import Claim
from workflows_app.engine.contexts import Ahead
from workflows_app.engine.log import logger
from workflows_app.engine.mutate import run_call
from workflows_app.engine.next import run_next
from workflows_app.engine.outlasting import outlast
from workflows_app.engine.planner import (
    Consume,
    Continue,
    Decision,
    Poll,
    Reconcile,
    Recover,
    Retry,
    Snapshot,
    Wait,
    decide,
)
from workflows_app.engine.poll import run_poll
from workflows_app.engine.prepare import run_mutate_again, run_prepare
from workflows_app.engine.reconcile import extend_for_reconcile, run_reconcile
from workflows_app.engine.recovery import recover
from workflows_app.engine.snapshot import LOOK, take_snapshot
from workflows_app.engine.work import Clock, Work, load
from workflows_app.errors import Fenced, RunForgotten
from workflows_app.models import Arrival, Handler, Run, Workflow
from workflows_app.models.reading import Compiled
from workflows_app.models.saving import save_with_history
from workflows_app.outages import watch
from workflows_app.sdk.workflow import Workflow as WorkflowCode

_WORKFLOW = Compiled(
    lambda pk: Workflow.objects.select_related("active_version").filter(pk=pk).order_by()
)


@dataclass(frozen=True)
class Slice:
    """What one call of `advance` did. `has_more`: it stopped at a limit, not for want of work."""

    steps: int
    has_more: bool


def advance(
    workflow_id: int,
    *,
    clock: Clock = timezone.now,
    max_steps: int | None = None,
    keep_going: Callable[[], bool] = lambda: True,
) -> Slice:
    """Advance the workflow until nothing is due, or a limit of the policy is reached. Commits.

    Does nothing if another worker holds it, or if this process has no code of its active version.
    Ends early if the database is away; what has begun is recovered, as after a crash.
    """
    limits = policy()
    max_steps = limits.slice_steps if max_steps is None else max_steps
    deadline = time.monotonic() + limits.slice_seconds
    code = _code_of(workflow_id)
    if code is None:
        return Slice(0, has_more=False)
    claim = outlast(lambda _: claims.claim(workflow_id), within_seconds=limits.lease_seconds)
    if claim is None:
        return Slice(0, has_more=False)
    reached(Boundary.CLAIMED)
    begun = steps = 0

    def may_begin() -> bool:
        in_time = begun == 0 or time.monotonic() < deadline
        return begun < max_steps and in_time and keep_going()

    turn = _Turn(claim, code, clock, may_begin)
    rested = False
    try:
        while turn.begun is not None or may_begin():
            if turn.begun is None:
                outlast(turn.look_first, within_seconds=limits.lease_seconds)
                reached(Boundary.BEGUN)
            else:
                begun += 1
                turn.carry_on()
                steps += 1
            if turn.found_nothing:
                rested = True
                reached(Boundary.RESTED)
                return Slice(steps, has_more=False)
        return Slice(steps, has_more=True)
    except Fenced as fenced:
        logger.warning("claim.lost workflow=%s token=%s", fenced.workflow_id, fenced.token)
        return Slice(steps, has_more=False)
    except RunForgotten as forgotten:
        logger.warning("run.forgotten workflow=%s run=%s", forgotten.workflow_id, forgotten.run_id)
        return Slice(steps, has_more=False)
    except Error as error:
        if not watch.saw(error):
            raise
        return Slice(steps, has_more=False)
    finally:
        if not rested:
            # After that the claim is over by itself.
            outlast(
                lambda _: claims.release(claim, due_at=clock()),
                within_seconds=limits.lease_seconds,
            )
            reached(Boundary.RELEASED)


def _code_of(workflow_id: int) -> type[WorkflowCode] | None:
    workflow = _WORKFLOW.one(workflow_id)
    code = registry.get(workflow.slug)
    if code is None or not _is_active_version(workflow, code):
        _tell_left_to_others(workflow, code)
        return None
    return code


def _tell_left_to_others(workflow: Workflow, code: type[WorkflowCode] | None) -> None:
    logger.warning(
        "workflow.left_to_others workflow=%s active=%s here=%s",
        workflow.slug,
        workflow.active_version,
        code.version if code else "none",
    )


def _is_active_version(workflow: Workflow, code: type[WorkflowCode]) -> bool:
    active = workflow.active_version
    return active is not None and active.pair == code.version_pair()


@dataclass
class _Turn:
    """One claim's work on a workflow, step by step.

    What is next begins in the transaction that ends the step before it: two commits become one.
    """

    claim: Claim
    code: type[WorkflowCode]
    clock: Clock
    may_begin: Callable[[], bool]
    #: What is to be carried on; its run is None if nothing is left of it.
    begun: tuple[Decision, Run | None] | None = None
    #: What its `prepare` will probably peek at.
    ahead: Ahead | None = None
    #: The last look found nothing to do, and the claim was given back.
    found_nothing: bool = False

    def look_first(self, again: bool) -> None:
        """Look in a transaction of its own. Commits. What began the first time is continued `again`."""
        with claims.held_from_first_write(
            self.claim, claims.still_held(self.claim, may_be_lost=True)
        ):
            self.look()

    def look(self) -> None:
        """Choose what is next and begin it, or give the claim back. Needs the claim's transaction."""
        # An earlier look may have been lost together with its transaction.
        self.begun, self.ahead, self.found_nothing = None, None, False
        now = self.clock()
        workflow, (rows,) = claims.read_again(self.claim, (LOOK, (self.claim.workflow_id,)))
        if not _is_active_version(workflow, self.code):
            # Deployed meanwhile. It stays due, for a worker that has the new code.
            claims.rest(workflow.lease, due_at=now, listens=True)
            _tell_left_to_others(workflow, self.code)
            self.found_nothing = True
            return
        snapshot = take_snapshot(workflow, rows, self.code, token=self.claim.token, now=now)
        decision = decide(snapshot)
        if isinstance(decision, Wait):
            claims.rest(workflow.lease, due_at=decision.until, listens=decision.listens)
            self.found_nothing = True
            return
        run = _begin(decision, snapshot, workflow, self.claim, self.code, self.clock)
        self.begun = (decision, run)
        if isinstance(decision, Consume) and run is not None:
            self.ahead = Ahead.of(self.code.handler_named(run.handler.name), workflow.pk)

    def carry_on(self) -> None:
        """Bring what was begun as far as it goes now. Opens and commits transactions; raises Fenced."""
        assert self.begun is not None
        (decision, run), self.begun = self.begun, None
        if run is not None:
            work = Work(
                self.claim,
                self.code,
                run,
                self.clock,
                ahead=self.ahead,
                before_commit=self._look_ahead,
            )
            _carry_on(work, decision)

    def _look_ahead(self) -> None:
        if self.may_begin():
            self.look()


def _begin(
    decision: Decision,
    snapshot: Snapshot,
    workflow: Workflow,
    claim: Claim,
    code: type[WorkflowCode],
    clock: Clock,
) -> Run | None:
    """Write what the decision begins with, and return the run to carry on. Needs `held`."""
    now = clock()
    version = workflow.active_version
    assert version is not None
    match decision:
        case Consume(handler_id) | Poll(handler_id):
            handler = snapshot.handlers[handler_id]
            assert isinstance(handler, Handler)
            if any(
                view.has_arrival for view in snapshot.consumers if view.handler_id == handler_id
            ):
                Arrival.objects.filter(topic__consumer=handler).delete()
            run = Run(
                workflow=workflow,
                handler=handler,
                version=version,
                fencing_token=claim.token,
                started_at=now,
            )
            save_with_history(run, reason="started")
            return run
        case Recover(run_id):
            return recover(Work(claim, code, load(run_id, workflow), clock))
        case Retry(run_id):
            ended = load(run_id, workflow)
            made = retry.make_retry(
                ended,
                version=version,
                reason=f"retry of run {run_id}",
                now=now,
                token=claim.token,
                counts_as_failure=ended.failure_kind == Run.FailureKind.TRANSIENT,
            )
            made.workflow = workflow
            return made
        case Continue(run_id):
            run = load(run_id, workflow)
            run.version = version
            run.fencing_token = claim.token
            save_with_history(run, reason="continued", fields=["version", "fencing_token"])
            return run
        case Reconcile(run_id):
            run = load(run_id, workflow)
            run.version = version
            run.fencing_token = claim.token
            extend_for_reconcile(Work(claim, code, run, clock))
            return run
    raise AssertionError(f"nothing begins with {decision}")


def _carry_on(work: Work, decision: Decision) -> None:
    """Run the phases that are left. Opens and commits transactions; raises Fenced."""
    if isinstance(decision, Reconcile) and not run_reconcile(work):
        return
    run = work.run
    if work.code.handler_named(run.handler.name) is None:
        gone = LookupError(f"version {work.code.version} has no handler '{run.handler.name}'")
        retry.fail(work, retry.Kind.LOGIC, gone, phase=run.phase)
        return
    if run.handler.kind == Handler.Kind.PRODUCER:
        run_poll(work)
        return
    if run.phase == Run.Phase.MUTATED:
        run_next(work, prepared.from_run(run))
        return
    result = run_prepare(work) if run.phase == Run.Phase.PREPARING else run_mutate_again(work)
    if result is None:
        return
    if work.run.phase == Run.Phase.MUTATING and not run_call(work):
        return
    run_next(work, result)
