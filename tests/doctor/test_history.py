"""Changes without history, impossible ones, and rewritten ones are found (P4)."""

from __future__ import annotations

import pytest

from tests.doctor.planting import Planted
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

CASES = [
    Planted(
        "D501",
        rows="pending",
        sql="DELETE FROM workflows_app_historicalevent",
        finds=["shop: event {event} has no history"],
    ),
    Planted(
        "D501",
        rows="blocked",
        sql="UPDATE workflows_app_historicalmutation SET history_type = '~'",
        finds=['shop: mutation {mutation} has a history that begins with "~"'],
    ),
    Planted(
        "D501",
        rows="blocked",
        sql=f"{_LAST_OF_RUN} UPDATE workflows_app_historicalrun SET history_type = '+'"
        " WHERE history_id = 777777777",
        finds=["shop: run {run} was created more than once"],
    ),
    Planted(
        "D502",
        rows="blocked",
        sql="UPDATE workflows_app_run SET title = 'Another', prepare_result = NULL"
        " WHERE id = %(run)s",
        finds=["shop: run {run} differs from its last history row in title, prepare_result"],
    ),
    Planted(
        "D502",
        rows="blocked",
        sql="UPDATE workflows_app_mutation SET status = 'in_flight'",
        finds=["shop: mutation {mutation} differs from its last history row in status"],
    ),
    Planted(
        "D502",
        rows="pending",
        sql="UPDATE workflows_app_event SET payload = '[1]'",
        finds=["shop: event {event} differs from its last history row in payload"],
    ),
    Planted(
        "D502",
        rows="pending",
        sql="UPDATE workflows_app_workflow SET status = 'paused'",
        finds=["shop: workflow {workflow} differs from its last history row in status"],
    ),
    Planted(
        "D502",
        rows="pending",
        sql="UPDATE workflows_app_workflowversion SET minor = 7",
        finds=["shop: workflow version {version} differs from its last history row in minor"],
    ),
    Planted(
        "D503",
        rows="paid",
        sql=f"{_LAST_OF_EVENT} UPDATE workflows_app_historicalevent SET status = 'pending'"
        " WHERE id = %(event)s AND status = 'reserved'",
        finds=["shop: event {event} went from status pending to consumed in history row 777777777"],
    ),
    Planted(
        "D503",
        rows="pending",
        sql=f"{_LAST_OF_EVENT} UPDATE workflows_app_historicalevent SET status = 'skipped'",
        finds=["shop: event {event} began with status skipped in history row 777777777"],
    ),
    Planted(
        "D503",
        rows="blocked",
        sql=f"{_LAST_OF_RUN} UPDATE workflows_app_historicalrun SET phase = 'preparing'"
        " WHERE history_id = 777777777",
        finds=["shop: run {run} went from phase mutating to preparing in history row 777777777"],
    ),
    Planted(
        "D503",
        rows="blocked",
        sql=f"{_LAST_OF_RUN} UPDATE workflows_app_historicalrun SET status = 'crashed'"
        " WHERE id = %(run)s AND history_id <> 777777777 AND status = 'active' AND phase = 'mutating'",
        finds=["shop: run {run} went from status crashed to blocked in history row 777777777"],
    ),
    Planted(
        "D503",
        rows="blocked",
        sql=f"{_LAST_OF_MUTATION} UPDATE workflows_app_historicalmutation SET status = 'skipped'"
        " WHERE history_id = 777777777",
        finds=[
            "shop: mutation {mutation} went from status in_flight to skipped in history row 777777777"
        ],
    ),
    Planted(
        "D504",
        rows="blocked",
        sql=f"{_LAST_OF_MUTATION} UPDATE workflows_app_historicalmutation"
        " SET params = '{}', idempotency_key = 'k' WHERE history_id = 777777777",
        finds=[
            "shop: mutation {mutation} changed params, idempotency_key in history row 777777777"
        ],
    ),
    Planted(
        "D504",
        rows="blocked",
        sql=f"{_LAST_OF_RUN} UPDATE workflows_app_historicalrun SET prepare_result = NULL"
        " WHERE history_id = 777777777",
        finds=["shop: run {run} changed prepare_result in history row 777777777"],
    ),
    Planted(
        "D504",
        rows="paid",
        sql=f"{_LAST_OF_EVENT} UPDATE workflows_app_historicalevent SET message_id = 'x'"
        " WHERE history_id = 777777777",
        finds=["shop: event {event} changed message_id in history row 777777777"],
    ),
    Planted(
        "D505",
        rows="paid",
        sql=f"{_LAST_OF_EVENT} UPDATE workflows_app_historicalevent"
        " SET payload = '[1]', revision = 2 WHERE history_id = 777777777",
        finds=[
            "shop: event {event} got another payload in history row 777777777, as consumed and with"
            " revision 2"
        ],
    ),
    Planted(
        "D505",
        rows="changed",
        sql=f"{_LAST_OF_EVENT} UPDATE workflows_app_historicalevent SET revision = 1",
        finds=[
            "shop: event {event} got another payload in history row 777777777, as pending and with"
            " revision 1"
        ],
    ),
    Planted(
        "D506",
        rows="pending",
        sql="DELETE FROM workflows_app_eventinput; DELETE FROM workflows_app_event",
        finds=["shop: event {event} is in history, but not there any more"],
    ),
    Planted(
        "D507",
        rows="blocked",
        sql=f"{_LAST_OF_RUN} UPDATE workflows_app_historicalrun SET history_change_reason = ''"
        " WHERE history_id = 777777777",
        finds=["shop: run {run} was changed without a reason in history row 777777777"],
    ),
    Planted(
        "D508",
        rows="changed",
        sql=f"{_LAST_OF_EVENT} UPDATE workflows_app_historicalevent"
        " SET history_date = '2026-01-02 03:04:05Z';"
        "UPDATE workflows_app_historicalevent SET history_date = '2026-01-02 03:04:03Z'"
        " WHERE history_id = 777777777",
        finds=[
            "shop: event {event} history row 777777777 is dated 2026-01-02 03:04:03+00, after a row of"
            " 2026-01-02 03:04:05+00"
        ],
    ),
]


#: What may change of a row more than once. All else is written once, and found if it was rewritten (D504).
CHANGES = {
    "workflow": {"active_version_id", "secret_names", "status", "title"},
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
