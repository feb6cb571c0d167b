"""Skip: a person gives up an outside effect, whether or not it can be known if it happened."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows_app.models import Mutation, OperatorAction, Run
from workflows_app.operations.base import deciding, events_held_by
from workflows_app.operations.declaration import NOT_BLOCKED, Change, Operation

#: What a person ticks who skips: it keeps a tired hand from pressing.
GIVEN_UP = _("Each of these is no longer wanted, or somebody sees to it outside")


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
    hint=_(
        "If it is no longer wanted, or nobody can find out. Nothing is sent, and the run goes on without it."
    ),
    offered_reasons=lambda run: [
        _("It is no longer wanted."),
        _("It was withdrawn."),
        _("Nobody can find out whether it happened."),
    ],
    consequence=_(
        "Nothing is sent, its events are skipped for good, and the run goes on without it. The outside"
        " system is not asked."
    ),
    warning=_(
        "Whether it happened stays unknown here. Nothing follows as after a success. This can't be undone."
    ),
    done=_("the run goes on without it."),
    tick_for_many=GIVEN_UP,
    carries_seen=True,
)
