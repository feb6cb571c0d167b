"""A database that would no longer refuse, and rows that it should have refused, are found."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import CheckConstraint

from tests.doctor.planting import PLANTED, Rows, drop, found_by, plant
from tests.owner import as_owner

pytestmark = pytest.mark.django_db


def test_every_condition_of_the_models_is_planted_against() -> None:
    declared = {
        constraint.name
        for model in apps.get_app_config("workflows_app").get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert {case.without[0] for case in PLANTED if case.check == "D103"} == declared


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


def test_an_index_that_keeps_nothing_unique_is_found(db: None) -> None:
    """As one is left by CREATE INDEX CONCURRENTLY that failed."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'one_open_run_per_lane'::regclass"
        )

    assert found_by("D101") == [
        "None: table workflows_app_run has constraint one_open_run_per_lane, but never validated it"
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
