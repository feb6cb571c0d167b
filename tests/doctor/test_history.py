"""Changes without history, impossible ones, and rewritten ones are found (P4)."""

from __future__ import annotations

import pytest

from workflows_app.doctor.tracked import TRACKED, Machine, Tracked
from workflows_app.models import Event, Mutation, Run, Workflow

pytestmark = pytest.mark.django_db

#: The last history row of the event, under a known key.
_LAST_OF_EVENT = """
    UPDATE workflows_app_historicalevent SET history_id = 777777777 WHERE history_id =
        (SELECT max(history_id) FROM workflows_app_historicalevent WHERE id = %(event)s);
"""
_LAST_OF_RUN = _LAST_OF_EVENT.replace("event", "run")
_LAST_OF_MUTATION = _LAST_OF_EVENT.replace("event", "mutation")


#: What may change of a row more than once. All else is written once, and found if it was rewritten (D504).
CHANGES = {
    "workflow": {"active_version_id", "retired_at", "secret_names", "status", "title"},
    "workflow version": {"note", "source_digest"},
    "event": {"lane", "payload", "reserved_by_id", "revision", "status"},
    "run": {
        *("ended_at", "fencing_token", "owes_retry", "phase", "retry_due_at", "status", "title"),
        *("failure_kind", "failure_message", "failure_phase", "failure_traceback", "version_id"),
    },
    "mutation": {"ended_at", "next_reconcile_at", "reconcile_attempts", "status"},
    "breaker": {"opened_at", "openings", "status", "trial_at", "unknowns"},
}


def test_every_column_that_does_not_change_is_looked_at() -> None:
    changing = {
        tracked.name: {*tracked.columns} - {"id", *tracked.fixed, *tracked.set_once}
        for tracked in TRACKED
    }
    assert changing == CHANGES


def tracked(model: type) -> Tracked:
    return next(item for item in TRACKED if item.model is model)


def test_the_steps_are_those_of_the_design() -> None:
    """One save takes one step of a status; a phase may take several."""
    event = tracked(Event).steps(Machine("status", ()))
    assert {(a, b) for a, b in event if a != b} == {
        ("pending", "reserved"),
        ("pending", "skipped"),
        ("reserved", "consumed"),
        ("reserved", "pending"),
        ("reserved", "skipped"),
    }
    mutation = tracked(Mutation).steps(Machine("status", ()))
    assert {(a, b) for a, b in mutation if a != b} == {
        ("in_flight", "applied"),
        ("in_flight", "failed"),
        ("in_flight", "needs_reconcile"),
        ("in_flight", "indeterminate"),
        ("needs_reconcile", "applied"),
        ("needs_reconcile", "failed"),
        ("needs_reconcile", "indeterminate"),
        ("indeterminate", "needs_reconcile"),
        ("indeterminate", "applied"),
        ("indeterminate", "failed"),
        ("indeterminate", "skipped"),
    }
    phases = ["preparing", "prepared", "mutating", "mutated", "emitting", "committed"]
    run = tracked(Run).steps(Machine("phase", (), in_one_save=True))
    assert run == {(a, b) for at, a in enumerate(phases) for b in phases[at:]}
    workflow = tracked(Workflow).steps(Machine("status", ()))
    assert {(a, b) for a, b in workflow if a != b} == {("active", "paused"), ("paused", "active")}


def test_every_column_of_every_table_with_history_is_compared() -> None:
    for item in TRACKED:
        assert item.columns == [field.column for field in item.model._meta.local_fields]
