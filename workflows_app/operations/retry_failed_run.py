"""Retry now: a person does not wait for the backoff, or for other code."""

from __future__ import annotations

from typing import Any

from workflows_app.engine.retry import make_retry
from workflows_app.errors import OperationRefused
from workflows_app.models import OperatorAction, Run
from workflows_app.operations.base import (
    Operation,
    deciding,
    events_held_by,
    last_decision,
    locked_run,
)
from workflows_app.operations.seen import require_seen


def retry_failed_run(run: Run, *, actor: Any, reason: str, seen: Any = None) -> OperatorAction:
    """Make a new run now: from `prepare` if nothing was applied, else from `next`.

    `seen`: see `operations.seen`. Refuses with `outcome_unknown`, `not_latest`, `run_open`, `stale`,
    `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(
        Operation.RETRY_FAILED_RUN, "retry_failed_run", run.workflow_id, actor=actor, reason=reason
    ) as decision:
        run = locked_run(run)
        _require_retryable(run)
        shown = require_seen(run, seen, actor=decision.actor)
        version = decision.workflow.active_version
        assert version is not None, "a workflow with runs has a version"
        make_retry(
            run,
            events_held_by(run),
            version=version,
            reason=decision.reason,
            actor=decision.actor,
            now=decision.now,
        )
        return decision.record(run=run, evidence_seen=shown)


def _require_retryable(run: Run) -> None:
    if run.status in (Run.Status.BLOCKED, Run.Status.RECONCILING):
        raise OperationRefused(
            "outcome_unknown",
            f"Run {run.pk} can't be retried: whether its outside effect happened is unknown. Settle"
            f" that first.",
        )
    later = Run.objects.filter(retry_of=run).first()
    if later is not None:
        told = last_decision(OperatorAction.objects.filter(run=run))
        raise OperationRefused(
            "not_latest", f"Run {run.pk} was retried already, by run {later.pk}.{told}"
        )
    open_run = Run.objects.filter(
        workflow_id=run.workflow_id, lane=run.lane, status__in=Run.OPEN
    ).first()
    if open_run is not None:
        raise OperationRefused(
            "run_open",
            f"Run {run.pk} can't be retried now: run {open_run.pk} of its lane is"
            f" {open_run.status}.",
        )
    owing = Run.objects.filter(workflow_id=run.workflow_id, lane=run.lane, owes_retry=True).exclude(
        pk=run.pk
    )
    first = owing.first()
    if first is not None:
        raise OperationRefused(
            "run_open",
            f"Run {run.pk} can't be retried now: run {first.pk} of its lane has failed, and is"
            f" to be retried first.",
        )
    if run.status != Run.Status.FAILED:
        raise OperationRefused("not_latest", f"Run {run.pk} has not failed: it is {run.status}.")
