"""Skip: a person abandons an outside effect whose outcome nobody will learn."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows_app.models import Mutation, OperatorAction, Run
from workflows_app.operations.base import deciding, events_held_by
from workflows_app.operations.declaration import NOT_BLOCKED, Change, Operation


def skip_run(run: Run, *, actor: Any, reason: str, seen: Any = None) -> OperatorAction:
    """Mark the mutation and the reserved events `skipped`; the run goes on to `next`.

    `seen`: see `operations.seen`. Refuses with `not_blocked`, `stale`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    with deciding(SKIP_RUN, run.workflow_id, actor=actor, reason=reason) as decision:
        run, shown = decision.run_as_seen(run, seen)
        run.mutation.skip(now=decision.now)
        decision.save(run.mutation)
        for event in events_held_by(run):
            event.skip()
            decision.save(event, ["status", "reserved_by"])
        decision.go_on(run)
        return decision.record(run=run, evidence_seen=shown)


SKIP_RUN = Operation(
    code=OperatorAction.Operation.SKIP_RUN,
    function=skip_run,
    target=Run,
    refuses=NOT_BLOCKED,
    change=Change((Run.Status.BLOCKED,), Run.Status.ACTIVE, effect=Mutation.Status.SKIPPED),
    icon="skip_next",
    hint=_("Nobody can find out, or it is no longer needed. Nothing is sent; its lane goes on."),
    consequence=_(
        "This is abandoned: it is not sent again, its events are skipped for good, and the workflow goes"
        " on."
    ),
    warning=_(
        "Whether it happened stays unknown here. Nothing follows as after a success. This can't be undone."
    ),
    done=_("the run goes on without it."),
    carries_seen=True,
)
