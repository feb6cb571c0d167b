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
from django.utils.translation import gettext as _

from workflows_app.deciders import groups_for, may_decide_about
from workflows_app.engine.claims import lock_workflow
from workflows_app.engine.lanes import refresh_now
from workflows_app.errors import OperationRefused
from workflows_app.models import Event, Evidence, OperatorAction, Run, Workflow
from workflows_app.models.saving import save_with_history
from workflows_app.operations.declaration import Operation
from workflows_app.operations.refusals import retired
from workflows_app.operations.seen import require_seen
from workflows_app.operations.texts import checked_text
from workflows_app.origin import origin
from workflows_app.waking import wake_at

NAME_LENGTH = 254


@dataclass(frozen=True)
class Decision:
    """A person's decision under way: the workflow is locked, the person may decide."""

    operation: Operation
    actor: Any
    reason: str
    workflow: Workflow
    now: datetime

    def run_as_seen(self, run: Run, seen: Any) -> tuple[Run, Evidence | None]:
        """Return `run` as it is now, and the evidence seen. Refuses unless the operation applies, or with `stale`."""
        run = locked_run(run)
        self.operation.require(run, self.actor)
        return run, require_seen(run, seen, actor=self.actor)

    def go_on(self, run: Run) -> None:
        """Let the blocked `run`, whose outside effect is settled now, go on to `next`."""
        run.set_mutated()
        run.unblock()
        run.fencing_token = None
        self.save(run, ["phase", "status", "fencing_token"])

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
            operation=self.operation.code.value,
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


def require_allowed(operation: Operation, *, actor: Any, reason: str, about: Workflow) -> Any:
    """Return the person; refuse as `deciding` does, for operations that do more before they lock."""
    checked_text(reason)
    person = _checked_actor(actor, operation)
    _require_decider(person, operation, about)
    return person


@contextmanager
def deciding(
    operation: Operation, workflow_id: int, *, actor: Any, reason: str
) -> Iterator[Decision]:
    """Open the transaction of one decision, with the workflow locked. Raises OperationRefused."""
    reason = checked_text(reason) if operation.needs_reason or reason != "" else ""
    person = _checked_actor(actor, operation)
    with transaction.atomic():
        workflow = lock_workflow(workflow_id)
        _require_decider(person, operation, workflow)
        if operation.needs_code and workflow.retired_at is not None:
            raise retired(workflow).error(person)
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


def _require_decider(person: Any, operation: Operation, workflow: Workflow) -> None:
    if not may_decide_about(person, workflow.slug):
        raise OperationRefused(
            "permission_denied",
            _(
                "%(person)s may not use “%(operation)s” on workflow '%(workflow)s': members of %(groups)s"
                " decide about it."
            )
            % {
                "person": person,
                "operation": operation.label,
                "workflow": workflow.slug,
                "groups": deciding_groups(workflow.slug),
            },
        )


def deciding_groups(slug: str) -> str:
    """Return the groups that decide about the workflow, in a sentence: “Boards” or “Clerks”."""
    return _(" or ").join(f"“{group}”" for group in groups_for(slug))


def _checked_actor(actor: Any, operation: Operation) -> Any:
    """Return the person as the database has it now, with today's permissions."""
    users = get_user_model()._default_manager
    pk = actor.pk if isinstance(actor, AbstractBaseUser) else None
    person: Any = users.filter(pk=pk).first() if pk is not None else None
    if person is None or not person.is_active:
        raise OperationRefused(
            "unknown_actor",
            _("A decision needs a person: an active user account of this project."),
        )
    permission = operation.permission
    if not person.has_perm(f"workflows_app.{permission}"):
        raise OperationRefused(
            "permission_denied",
            _("%(person)s may not use “%(operation)s”: the permission “%(permission)s” is missing.")
            % {"person": person, "operation": operation.label, "permission": permission},
        )
    return person
