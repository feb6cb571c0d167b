"""Retry now: a person does not wait for the backoff, or for other code."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app.engine.retry import make_retry
from workflows_app.errors import OperationRefused
from workflows_app.models import OperatorAction, Run
from workflows_app.operations.base import deciding, events_held_by, locked_run
from workflows_app.operations.declaration import Change, Operation
from workflows_app.operations.refusals import Refusal, decided_before, last_decision
from workflows_app.operations.seen import require_seen


def retry_failed_run(run: Run, *, actor: Any, reason: str, seen: Any = None) -> OperatorAction:
    """Make a new run now: from `prepare` if nothing was applied, else from `next`.

    `seen`: see `operations.seen`. Refuses with `outcome_unknown`, `not_latest`, `run_open`, `stale`,
    `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(RETRY_FAILED_RUN, run.workflow_id, actor=actor, reason=reason) as decision:
        run = locked_run(run)
        RETRY_FAILED_RUN.require(run, decision.actor)
        _require_its_turn(run, decision.actor)
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


def _outcome_unknown(run: Run) -> Refusal | None:
    if run.status not in (Run.Status.BLOCKED, Run.Status.RECONCILING):
        return None
    sentence = _(
        "Run %(run)s can't be retried: whether its outside effect happened is unknown. Settle that first."
    )
    return Refusal("outcome_unknown", sentence % {"run": run.pk})


def _require_its_turn(run: Run, person: Any) -> None:
    """Refuse if another run stands in the way: its retry, or one of its lane. Needs the workflow's lock."""
    later = Run.objects.filter(retry_of=run).first()
    if later is not None:
        told = last_decision(decided_before(run, RETRY_FAILED_RUN.code), person)
        sentence = _("Run %(run)s was retried already, by run %(later)s.")
        raise OperationRefused(
            "not_latest", f"{sentence % {'run': run.pk, 'later': later.pk}}{told}"
        )
    others = Run.objects.filter(workflow_id=run.workflow_id, lane=run.lane).exclude(pk=run.pk)
    open_run = others.filter(status__in=Run.OPEN).first()
    if open_run is not None:
        raise OperationRefused(
            "run_open",
            _("Run %(run)s can't be retried now: run %(other)s of its lane is %(status)s.")
            % {
                "run": run.pk,
                "other": open_run.pk,
                "status": open_run.get_status_display().lower(),
            },
        )
    first = others.filter(owes_retry=True).first()
    if first is not None:
        raise OperationRefused(
            "run_open",
            _(
                "Run %(run)s can't be retried now: run %(other)s of its lane has failed, and is to be"
                " retried first."
            )
            % {"run": run.pk, "other": first.pk},
        )


RETRY_FAILED_RUN = Operation(
    code=OperatorAction.Operation.RETRY_FAILED_RUN,
    function=retry_failed_run,
    target=Run,
    refuses=("not_latest", gettext_lazy("Run %(row)s has not failed: it is %(status)s.")),
    other_refusal=_outcome_unknown,
    is_of_use=lambda run: run.owes_retry,
    change=Change((Run.Status.FAILED,), Run.Status.ACTIVE, makes_retry=True),
    icon="replay",
    hint=gettext_lazy("If the cause is gone. It is tried again at once."),
    offered_reasons=lambda run: [_("The cause is gone.")],
    consequence=gettext_lazy(
        "A new run starts now, without waiting. What was applied outside is not sent again; only what is"
        " missing is done."
    ),
    done=gettext_lazy("a new run was made."),
    carries_seen=True,
)
