"""A database that would no longer refuse, and rows that it should have refused, are found."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import CheckConstraint

from tests.doctor.planting import Planted, Rows, drop, found_by, plant
from tests.owner import as_owner

pytestmark = pytest.mark.django_db


def refused(name: str, rows: str, sql: str, finds: str) -> Planted:
    """Return a row that is against the condition `name`."""
    return Planted("D103", rows, sql, [f"shop: {finds} is against {name}"], without=(name,))


def alert(channel: str, status: str) -> str:
    """Return what makes alert 7 as nobody would."""
    return (
        "INSERT INTO workflows_app_alert (id, workflow_id, channel, status, facts, subject, body,"
        " attempts, problem, created_at, next_attempt_at) VALUES"
        f" (7, %(workflow)s, '{channel}', '{status}', '[]', '', '', 0, '', now(), now())"
    )


CONDITIONS = [
    refused("alert_status_known", "pending", alert("hook", "lost"), "alert 7"),
    refused("alert_to_one_place", "pending", alert("", "waiting"), "alert 7"),
    refused(
        "event_status_known",
        "pending",
        "UPDATE workflows_app_event SET status = 'lost'",
        "event {event}",
    ),
    refused(
        "reserved_by_iff_reserved",
        "pending",
        "UPDATE workflows_app_event SET status = 'reserved'",
        "event {event}",
    ),
    refused(
        "reserved_by_iff_reserved",
        "blocked",
        "UPDATE workflows_app_event SET status = 'pending'",
        "event {event}",
    ),
    Planted(
        "D103",
        rows="blocked",
        sql="UPDATE workflows_app_breaker SET status = 'lost'",
        finds=[
            "shop: breaker {breaker} is against breaker_status_known",
            "shop: breaker {breaker} is against trial_iff_open",
        ],
        without=("breaker_status_known", "trial_iff_open"),
    ),
    refused(
        "trial_iff_open",
        "blocked",
        "UPDATE workflows_app_breaker SET status = 'open'",
        "breaker {breaker}",
    ),
    Planted(
        "D103",
        rows="blocked",
        sql="UPDATE workflows_app_mutation SET status = 'lost'",
        finds=[
            "shop: mutation {mutation} is against mutation_status_known",
            "shop: mutation {mutation} is against resolved_by_iff_settled",
        ],
        without=("mutation_status_known", "resolved_by_iff_settled"),
    ),
    refused(
        "resolved_by_iff_settled",
        "blocked",
        "UPDATE workflows_app_mutation SET status = 'applied'",
        "mutation {mutation}",
    ),
    refused(
        "due_iff_needs_reconcile",
        "blocked",
        "UPDATE workflows_app_mutation SET status = 'needs_reconcile'",
        "mutation {mutation}",
    ),
    refused(
        "run_status_known",
        "blocked",
        "UPDATE workflows_app_run SET status = 'lost' WHERE id = %(run)s",
        "run {run}",
    ),
    refused(
        "run_phase_known",
        "blocked",
        "UPDATE workflows_app_run SET phase = 'lost' WHERE id = %(run)s",
        "run {run}",
    ),
    refused(
        "run_committed_in_both",
        "blocked",
        "UPDATE workflows_app_run SET phase = 'committed' WHERE id = %(run)s",
        "run {run}",
    ),
    refused(
        "failure_kind_iff_failed",
        "blocked",
        "UPDATE workflows_app_run SET status = 'failed' WHERE id = %(run)s",
        "run {run}",
    ),
    refused(
        "only_ended_runs_owe_a_retry",
        "blocked",
        "UPDATE workflows_app_run SET owes_retry = true WHERE id = %(run)s",
        "run {run}",
    ),
    refused(
        "workflow_status_known",
        "pending",
        "UPDATE workflows_app_workflow SET status = 'lost'",
        "workflow {workflow}",
    ),
]

TWICE = [
    Planted(
        "D104",
        rows="asserted",
        sql="UPDATE workflows_app_run SET status = 'active', phase = 'mutated', failure_kind = ''"
        " WHERE id IN (%(run)s, %(run2)s)",
        finds=["shop: run {run2} is there again, against one_open_run_per_lane"],
        without=("one_open_run_per_lane",),
    ),
    Planted(
        "D104",
        rows="paid",
        sql="UPDATE workflows_app_event SET message_id = '1' WHERE id = %(event2)s",
        finds=["shop: event {event2} is there again, against one_event_per_message_id"],
        without=("one_event_per_message_id",),
    ),
    Planted(
        "D104",
        rows="paid",
        sql="UPDATE workflows_app_mutation SET run_id = %(run)s",
        finds=["shop: mutation {mutation2} is there again, against the uniqueness of run"],
        without=("workflows_app_mutation_run_id_key",),
    ),
]


def test_every_condition_of_the_models_is_planted_against() -> None:
    declared = {
        constraint.name
        for model in apps.get_app_config("workflows_app").get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert {case.without[0] for case in CONDITIONS} == declared


@pytest.mark.parametrize(
    ("name", "finds"),
    [
        (
            "run_phase_known",
            "None: table workflows_app_run lacks constraint run_phase_known",
        ),
        (
            "one_open_run_per_lane",
            "None: table workflows_app_run lacks constraint one_open_run_per_lane",
        ),
        (
            "workflows_app_run_retry_of_id_key",
            "None: table workflows_app_run does not keep retry_of_id unique",
        ),
    ],
)
def test_a_missing_constraint_is_found(db: None, name: str, finds: str) -> None:
    assert found_by("D101") == []
    drop(name)
    assert found_by("D101") == [finds]


def test_a_constraint_that_was_never_validated_is_found(pending: Rows) -> None:
    plant("UPDATE workflows_app_event SET status = 'lost'", without=["event_status_known"])
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE workflows_app_event ADD CONSTRAINT event_status_known"
            " CHECK (status IN ('pending', 'reserved', 'consumed', 'skipped')) NOT VALID"
        )

    assert found_by("D101") == [
        "None: table workflows_app_event has constraint event_status_known, but never validated it"
    ]


def test_a_reference_to_nothing_is_found_and_so_is_the_missing_constraint(paid: Rows) -> None:
    assert found_by("D105") == []
    plant(
        "UPDATE workflows_app_run SET version_id = 777777777 WHERE id = %(run)s",
        paid,
        without=[foreign_key_of("workflows_app_run", "version_id")],
    )

    assert found_by("D105") == [
        f"None: run {paid['run']} refers to workflow version 777777777, which is not there"
    ]
    assert found_by("D101") == [
        "None: table workflows_app_run does not keep the reference version_id"
    ]


def foreign_key_of(table: str, column: str) -> str:
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table)
    (name,) = [
        name
        for name, found in constraints.items()
        if found["foreign_key"] and found["columns"] == [column]
    ]
    return str(name)


@pytest.mark.parametrize(
    ("change", "finds"),
    [
        ("ALTER TABLE workflows_app_run DISABLE TRIGGER {name}", "has switched off"),
        ("DROP TRIGGER {name} ON workflows_app_run", "lacks"),
        ("COMMENT ON TRIGGER {name} ON workflows_app_run IS 'x'", "has another version of"),
        (
            "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN OLD; END'",
            "has another function behind",
        ),
    ],
)
def test_a_guard_that_does_not_guard_is_found(db: None, change: str, finds: str) -> None:
    assert found_by("D102") == []
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'workflows_app_run'::regclass"
            " AND tgname LIKE '%never_deleted%'"
        )
        (name,) = cursor.fetchone()
        cursor.execute(change.format(name=name))

    assert found_by("D102") == [f"None: table workflows_app_run {finds} trigger never_deleted"]
