"""Playing the person: looks each open question up in the bank's own records, and decides (P3).

Like a careful person, it takes an absence for a proof only some time after the call was sent, and
leaves alone what is a fault of the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from workflows_app import registry
from workflows_app.demo.bank.ledger import read_entries
from workflows_app.demo.workflows import CreatePayment
from workflows_app.errors import OperationRefused
from workflows_app.models import Event, OperatorAction, Run
from workflows_app.operations import (
    it_didnt_happen,
    retry_failed_run,
    skip_event,
    skip_run,
    try_again,
)


@dataclass
class Person:
    """A demo user who settles what blocks. `decisions` tells what was decided, and why."""

    user: Any
    bank_ledger: Path
    decisions: list[str] = field(default_factory=list)

    def settle(self, *, now: datetime) -> int:
        """Decide on everything that waits for a person; return how many decisions were made."""
        before = len(self.decisions)
        runs = Run.objects.select_related("workflow", "mutation", "handler")
        for run in runs.filter(status=Run.Status.BLOCKED):
            self._settle_blocked(run, now)
        for run in runs.filter(Run.waits_without_date()):
            self._settle_failed(run)
        return len(self.decisions) - before

    def _settle_blocked(self, run: Run, now: datetime) -> None:
        keys = {entry["key"] for entry in read_entries(self.bank_ledger)}
        mutator = registry.mutator(run.workflow.slug, run.mutation.mutator)
        can_ask = mutator is not None and mutator.can_reconcile()
        asked_before = run.operator_actions.filter(
            operation=OperatorAction.Operation.TRY_AGAIN
        ).exists()
        if run.mutation.idempotency_key not in keys:
            if now - run.mutation.sent_at >= CreatePayment.absence_is_proof_after:
                self._decide(it_didnt_happen, run, "It is not in the bank's records.")
        elif can_ask and not asked_before:
            self._decide(try_again, run, "It is in the bank's records; the search will find it.")
        else:
            self._decide(skip_run, run, "It is in the bank's records; nothing is left to do.")

    def _settle_failed(self, run: Run) -> None:
        """What was rejected stays undone; what failed too often for a while is tried again."""
        if run.failure_kind == Run.FailureKind.TRANSIENT:
            self._decide(retry_failed_run, run, "It may work by now.")
        elif run.failure_kind == Run.FailureKind.REJECTED:
            for event in Event.objects.filter(
                reservations__run=run, status=Event.Status.PENDING
            ).select_related("topic"):
                self._decide(skip_event, event, f"Rejected: {run.failure_message}")
            self._decide(retry_failed_run, run, "Its event is skipped; go on with the next.")

    def _decide(self, operation: Any, what: Run | Event, reason: str) -> None:
        subject = f"event {what}" if isinstance(what, Event) else f"run {what.pk}, {what}"
        try:
            action = operation(what, actor=self.user, reason=reason)
        except OperationRefused as refusal:
            # The host was quicker; the next look sees what it did.
            self.decisions.append(f"refused ({refusal.code}): {refusal}")
            return
        self.decisions.append(f"“{action.get_operation_display()}”: {subject}. {reason}")
