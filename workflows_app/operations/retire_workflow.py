"""Retire: a person ends a workflow whose code is gone, once it holds nothing any more (P2, P3).

Nothing is given up by it: what is pending, open, unknown or owed is settled first, by decisions of their own. Its rows
and their history stay as they are. `sync_workflows` brings it back when the code has it again.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app import registry
from workflows_app.engine.adopting import forget_code
from workflows_app.engine.claims import is_held
from workflows_app.models import Lease, OperatorAction, Workflow
from workflows_app.operations.base import deciding
from workflows_app.operations.declaration import Change, Operation
from workflows_app.operations.refusals import Refusal, decided_before
from workflows_app.operations.still_held import StillHeld


def retire_workflow(workflow: Workflow, *, actor: Any, reason: str) -> OperatorAction:
    """End a workflow that the code no longer has. No worker claims it any more, and nothing can be published to it.

    An application that publishes at this moment may leave an event: home and `doctor` show it, and it can be skipped.
    Refuses with `already_retired`, `still_in_code`, `in_hand`, `still_holds`, `permission_denied`, `reason_required`,
    `unknown_actor`.
    """
    with deciding(RETIRE_WORKFLOW, workflow.pk, actor=actor, reason=reason) as decision:
        workflow = decision.workflow
        RETIRE_WORKFLOW.require(workflow, decision.actor)
        _require_no_worker(workflow, decision.actor)
        workflow.retired_at = decision.now
        decision.save(workflow, ["retired_at"])
        forget_code(workflow)
        # Nothing of it is due any more.
        Lease.objects.filter(pk=workflow.pk).update(
            holder="", expires_at=None, next_due_at=None, listens=False
        )
        return decision.record()


def _require_no_worker(workflow: Workflow, person: Any) -> None:
    """Refuse while a worker has it in hand: that one has its code. Needs the workflow's lock."""
    if is_held(workflow.lease):
        sentence = _(
            "A worker has workflow %(row)s in hand just now, so its code is still deployed there: stop that worker"
            " first."
        )
        raise Refusal("in_hand", sentence % {"row": workflow.slug}).error(person)


def _refusal(workflow: Workflow) -> Refusal | None:
    if workflow.retired_at is not None:
        sentence = _("Workflow %(row)s is retired already.") % {"row": workflow.slug}
        decided = decided_before(workflow, OperatorAction.Operation.RETIRE_WORKFLOW)
        return Refusal("already_retired", sentence, decided)
    if registry.get(workflow.slug) is not None:
        sentence = _(
            "Workflow %(row)s is still in the code: take it out there first, and deploy that."
        )
        return Refusal("still_in_code", sentence % {"row": workflow.slug})
    held = StillHeld.by(workflow)
    if held.is_nothing:
        return None
    sentence = _("Workflow %(row)s still holds %(what)s. %(how)s") % {
        "row": workflow.slug,
        "what": held.in_words(),
        "how": held.settled_by(),
    }
    return Refusal("still_holds", sentence)


RETIRE_WORKFLOW = Operation(
    code=OperatorAction.Operation.RETIRE_WORKFLOW,
    function=retire_workflow,
    target=Workflow,
    other_refusal=_refusal,
    change=Change((Workflow.Status.ACTIVE, Workflow.Status.PAUSED), sets="retired_at"),
    icon="archive",
    weight="warning",
    hint=gettext_lazy("Its code is gone for good."),
    offered_reasons=lambda workflow: [gettext_lazy("It is no longer needed.")],
    consequence=gettext_lazy(
        "No worker looks at this workflow any more, and nothing can be published to it. It leaves home and the list of"
        " workflows; all its history stays. If the code has it again, manage.py sync_workflows brings it back."
    ),
    done=gettext_lazy("it has ended."),
    is_for_many=False,
)
