"""What every operation does the same way: who may, one lock, one look, one record (P4).

An operation is one transaction: the permission of the person, the workflow's row lock, another look
at the state, the change with its history, one `OperatorAction`, and the host woken. Two people who
press at once are served one after the other; the second is told what the first one did.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import models, transaction
from django.utils import timezone

from workflows_app.deciders import groups_for, may_decide_about
from workflows_app.engine.claims import lock_workflow
from workflows_app.engine.lanes import refresh_now
from workflows_app.errors import OperationRefused
from workflows_app.models import Event, Evidence, OperatorAction, Run, Workflow
from workflows_app.models.saving import save_with_history
from workflows_app.operations.texts import checked_text
from workflows_app.origin import origin
from workflows_app.waking import wake_at

Operation = OperatorAction.Operation
NAME_LENGTH = 254


@dataclass(frozen=True)
class Decision:
    """A person's decision under way: the workflow is locked, the person may decide."""

    operation: Operation
    actor: Any
    reason: str
    workflow: Workflow
    now: datetime

    def save(self, instance: models.Model, fields: list[str] | None = None) -> None:
        """Save `instance` with a history row of this person and reason."""
        save_with_history(instance, reason=self.reason, actor=self.actor, fields=fields)

    def wake(self, lane: str | None = None) -> None:
        """Wake the host; with `lane` it finds that as it is now."""
        if lane is not None:
            refresh_now((self.workflow.pk, lane))
        wake_at(self.workflow.pk, due_at=self.now)

    def record(
        self,
        *,
        event: Event | None = None,
        run: Run | None = None,
        evidence_seen: Evidence | None = None,
    ) -> OperatorAction:
        """Write the decision down and wake the host."""
        self.wake(run.lane if run is not None else event.lane if event is not None else None)
        came_from = origin()
        return OperatorAction.objects.create(
            operation=self.operation.value,
            actor=self.actor,
            actor_name=str(self.actor)[:NAME_LENGTH],
            address=came_from.address,
            session=came_from.session,
            reason=self.reason,
            workflow=self.workflow,
            event=event,
            run=run,
            evidence_seen=evidence_seen,
        )


def require_allowed(
    operation: Operation, permission: str, *, actor: Any, reason: str, about: Workflow
) -> Any:
    """Return the person; refuse as `deciding` does, for operations that do more before they lock."""
    _checked_reason(reason)
    person = _checked_actor(actor, operation, permission)
    _require_decider(person, operation, about)
    return person


@contextmanager
def deciding(
    operation: Operation,
    permission: str,
    workflow_id: int,
    *,
    actor: Any,
    reason: str,
    needs_reason: bool = True,
) -> Iterator[Decision]:
    """Open the transaction of one decision, with the workflow locked. Raises OperationRefused."""
    reason = _checked_reason(reason) if needs_reason or reason != "" else ""
    person = _checked_actor(actor, operation, permission)
    with transaction.atomic():
        workflow = lock_workflow(workflow_id)
        _require_decider(person, operation, workflow)
        yield Decision(operation, person, reason, workflow, workflow.lease.seen_at)


def locked_run(run: Run) -> Run:
    """Return `run` as it is now. Needs the workflow's lock, under which alone it changes."""
    return Run.objects.select_related("handler", "workflow", "mutation", "carried_mutation").get(
        pk=run.pk
    )


def events_held_by(run: Run) -> list[Event]:
    """Return the events that `run` holds, locked. Needs the workflow's lock."""
    held = Event.objects.select_for_update(no_key=True).filter(reserved_by=run)
    return list(held.order_by("pk"))


def require_blocked(run: Run) -> None:
    """Refuse with `not_blocked` unless a person is to settle `run`."""
    if run.status != Run.Status.BLOCKED:
        told = last_decision(OperatorAction.objects.filter(run=run))
        raise OperationRefused(
            "not_blocked",
            f"Run {run.pk} is not blocked: it is {run.status}.{told}",
        )


def last_decision(actions: models.QuerySet[OperatorAction]) -> str:
    """Return a sentence about the newest of `actions`, with a space before it, or nothing."""
    action = actions.order_by("-pk").first()
    if action is None:
        return ""
    at = timezone.localtime(action.created_at)
    return (
        f" {action.actor_name} decided “{action.get_operation_display()}” on {at:%Y-%m-%d} at"
        f" {at:%H:%M:%S}: {action.reason}"
    )


def _require_decider(person: Any, operation: Operation, workflow: Workflow) -> None:
    if not may_decide_about(person, workflow.slug):
        groups = " or ".join(f"“{group}”" for group in groups_for(workflow.slug))
        raise OperationRefused(
            "permission_denied",
            f"{person} may not use “{operation.label}” on workflow '{workflow.slug}': members of"
            f" {groups} decide about it.",
        )


def _checked_reason(reason: Any) -> str:
    return checked_text(reason, what="The reason", missing="Say why: a reason is required.")


def _checked_actor(actor: Any, operation: Operation, permission: str) -> Any:
    """Return the person as the database has it now, with today's permissions."""
    users = get_user_model()._default_manager
    pk = actor.pk if isinstance(actor, AbstractBaseUser) else None
    person: Any = users.filter(pk=pk).first() if pk is not None else None
    if person is None or not person.is_active:
        raise OperationRefused(
            "unknown_actor", "A decision needs a person: an active user account of this project."
        )
    if not person.has_perm(f"workflows_app.{permission}"):
        raise OperationRefused(
            "permission_denied",
            f"{person} may not use “{operation.label}”: the permission “{permission}” is missing.",
        )
    return person
