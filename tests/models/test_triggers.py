"""What the database refuses to undo: append-only rows, final states, and deletions (P2, P4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pgtrigger
import pytest
from django.apps import apps
from django.db import connection, models

from tests.models.rows import NOON, Rows, delete, execute, refused, update
from tests.owner import as_owner, as_role
from workflows_app.models import (
    AccountChange,
    Alert,
    AlertChoice,
    Arrival,
    Breaker,
    Event,
    EventInput,
    EventWords,
    Evidence,
    GivenPermission,
    Handler,
    Input,
    LaneRefusal,
    LaneState,
    Lease,
    MachineClock,
    Mutation,
    OperatorAction,
    Reservation,
    Run,
    SavedFilter,
    Topic,
    Workflow,
    WorkflowVersion,
)

#: A column to change in each append-only table, and how its row is made.
APPEND_ONLY: dict[type[models.Model], tuple[Callable[[Rows], models.Model], dict[str, Any]]] = {
    Input: (Rows.input, {"title": "Another"}),
    EventInput: (Rows.cause, {"input_id": 1}),
    Reservation: (Rows.reservation, {"created_at": NOON}),
    Evidence: (Rows.evidence, {"verdict": "applied"}),
    OperatorAction: (Rows.action, {"reason": "Another"}),
    AccountChange: (Rows.account_change, {"what": "Another"}),
}
KEPT: dict[type[models.Model], Callable[[Rows], models.Model]] = {
    Workflow: lambda rows: rows.workflow,
    WorkflowVersion: lambda rows: rows.version,
    Event: Rows.event,
    Run: Rows.run,
    Mutation: lambda rows: rows.mutation(rows.run()),
    Breaker: Rows.breaker,
}
#: Bookkeeping, what the code declares and what a person keeps for themselves: none says what happened.
FREE = {
    Alert,
    AlertChoice,
    Arrival,
    EventWords,
    GivenPermission,
    Handler,
    LaneRefusal,
    LaneState,
    Lease,
    MachineClock,
    SavedFilter,
    Topic,
}
WITH_HISTORY = list(KEPT)


@pytest.fixture(autouse=True)
def owner(request: pytest.FixtureRequest) -> Iterator[None]:
    """The guards refuse the owner, too. Who only runs is refused before."""
    if "rows" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("rows")
    with as_owner():
        yield


def own_models() -> set[type[models.Model]]:
    found = apps.get_app_config("workflows_app").get_models()
    return {model for model in found if not model.__name__.startswith("Historical")}


def name_of(model: Any) -> str:
    return model.__name__ if isinstance(model, type) else ""


def test_each_model_is_append_only_or_kept_or_free_on_purpose() -> None:
    assert own_models() == set(APPEND_ONLY) | set(KEPT) | FREE


@pytest.mark.parametrize("model", APPEND_ONLY, ids=name_of)
def test_an_append_only_row_can_not_be_changed(rows: Rows, model: type[models.Model]) -> None:
    make, change = APPEND_ONLY[model]
    row = make(rows)

    with refused(
        trigger="append_only",
        message=f"Cannot update or delete rows from {model._meta.db_table} table",
    ):
        update(row, **change)


@pytest.mark.parametrize("model", APPEND_ONLY, ids=name_of)
def test_an_append_only_row_can_not_be_deleted(rows: Rows, model: type[models.Model]) -> None:
    row = APPEND_ONLY[model][0](rows)

    with refused(
        trigger="append_only",
        message=f"Cannot update or delete rows from {model._meta.db_table} table",
    ):
        delete(row)


@pytest.mark.parametrize("model", KEPT, ids=name_of)
def test_a_kept_row_can_not_be_deleted(rows: Rows, model: type[models.Model]) -> None:
    row = KEPT[model](rows)

    with refused(
        trigger="never_deleted", message=f"Cannot delete rows from {model._meta.db_table} table"
    ):
        delete(row)


@pytest.mark.parametrize("sql", ["UPDATE {} SET history_change_reason = 'x'", "DELETE FROM {}"])
@pytest.mark.parametrize("model", WITH_HISTORY, ids=name_of)
def test_history_can_not_be_rewritten(rows: Rows, model: Any, sql: str) -> None:
    row = KEPT[model](rows)
    history = model.history.model._meta.db_table
    assert row.history.count() == 1  # type: ignore[attr-defined]  # all of these have it

    with refused(
        trigger="append_only", message=f"Cannot update or delete rows from {history} table"
    ):
        execute(sql.format(history), [])


EMPTIED = [model._meta.db_table for model in (*APPEND_ONLY, *KEPT)] + [
    model.history.model._meta.db_table  # type: ignore[attr-defined]  # all of these have it
    for model in WITH_HISTORY
]


@pytest.mark.parametrize("table", EMPTIED)
def test_no_table_that_is_kept_can_be_emptied(rows: Rows, table: str) -> None:
    execute("SET CONSTRAINTS ALL IMMEDIATE", [])
    with refused(trigger="never_emptied", message=f"Cannot truncate {table} table"):
        execute(f"TRUNCATE {table} CASCADE", [])


def test_only_the_owner_can_let_a_table_be_emptied(rows: Rows) -> None:
    execute("CREATE ROLE clerk", [])
    execute("GRANT ALL ON workflows_app_accountchange TO clerk", [])
    execute("SET LOCAL workflows_app.may_empty = on", [])

    with (
        as_role("clerk"),
        refused(
            trigger="never_emptied", message="Cannot truncate workflows_app_accountchange table"
        ),
    ):
        execute("TRUNCATE workflows_app_accountchange", [])
    execute("TRUNCATE workflows_app_accountchange", [])


@pytest.mark.parametrize("model", APPEND_ONLY, ids=name_of)
def test_no_session_can_ask_a_guard_to_look_away(rows: Rows, model: type[models.Model]) -> None:
    make, change = APPEND_ONLY[model]
    row = make(rows)

    with (
        pgtrigger.ignore(),
        refused(
            trigger="append_only",
            message=f"Cannot update or delete rows from {model._meta.db_table} table",
        ),
    ):
        update(row, **change)


FINAL = [
    pytest.param(model, state, change, id=f"{model.__name__}-{state}-{change['status']}")
    for model, states in {
        Event: {
            "consumed": [{"status": "pending"}, {"status": "skipped"}],
            "skipped": [{"status": "pending"}, {"status": "consumed"}],
        },
        Run: {
            "committed": [{"status": "active"}, {"status": "failed", "failure_kind": "logic"}],
            "failed": [{"status": "active", "failure_kind": ""}, {"status": "crashed"}],
            "crashed": [{"status": "active"}, {"status": "blocked"}],
        },
        Mutation: {
            "applied": [{"status": "failed"}, {"status": "in_flight", "resolved_by": ""}],
            "failed": [{"status": "applied"}, {"status": "indeterminate", "resolved_by": ""}],
            "skipped": [{"status": "applied"}, {"status": "failed"}],
        },
    }.items()
    for state, changes in states.items()
    for change in changes
]


def in_state(rows: Rows, model: type[models.Model], state: str) -> models.Model:
    if model is Event:
        return rows.event(state)
    if model is Run:
        return rows.run(state)
    return rows.mutation(rows.run(), state)


@pytest.mark.parametrize(("model", "state", "change"), FINAL)
def test_a_final_state_is_not_left(
    rows: Rows, model: type[models.Model], state: str, change: dict[str, Any]
) -> None:
    row = in_state(rows, model, state)

    with refused(
        trigger="final_status", message=f"Cannot update rows from {model._meta.db_table} table"
    ):
        update(row, **change)


@pytest.mark.parametrize(
    ("model", "state", "column", "value"),
    [
        (Event, "consumed", "revision", 2),
        (Event, "skipped", "revision", 2),
        (Run, "failed", "owes_retry", True),
        (Run, "crashed", "owes_retry", True),
        (Run, "committed", "title", "Another"),
        (Mutation, "applied", "target", "Another"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_is_final_is_the_state_alone(
    rows: Rows, model: Any, state: str, column: str, value: Any
) -> None:
    row = in_state(rows, model, state)

    update(row, **{column: value, "status": state})

    again = model.objects.get(pk=row.pk)
    assert (again.status, getattr(again, column)) == (state, value)


def test_states_that_are_not_final_can_be_left(rows: Rows) -> None:
    event, mutation = rows.event(), rows.mutation(rows.run())

    update(event, status="skipped")
    update(mutation, status="indeterminate")

    assert Event.objects.get().status == "skipped"
    assert Mutation.objects.get().status == "indeterminate"


def triggers_in_the_database() -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, regexp_replace(tgname, '^pgtrigger_(.*)_[^_]+$', '\\1')"
            " FROM pg_trigger WHERE tgname LIKE 'pgtrigger%%' AND tgenabled = 'O'"
        )
        return set(cursor.fetchall())


@pytest.mark.django_db
def test_every_history_table_has_its_trigger() -> None:
    """Drift: a model that gets a history must get the guard with it."""
    with_history = {
        model for model in own_models() if hasattr(model._meta, "simple_history_manager_attribute")
    }
    installed = triggers_in_the_database()

    assert with_history == set(WITH_HISTORY)
    for model in with_history:
        history: Any = model.history.model  # type: ignore[attr-defined]  # checked above
        assert (history._meta.db_table, "append_only") in installed
        assert (history._meta.db_table, "never_emptied") in installed


@pytest.mark.django_db
def test_the_database_has_the_triggers_that_the_models_declare() -> None:
    declared = {
        (model._meta.db_table, trigger.name)
        for model in apps.get_app_config("workflows_app").get_models()
        for trigger in [*getattr(model._meta, "triggers", [])]
    }
    histories = {
        (model.history.model._meta.db_table, name)  # type: ignore[attr-defined]
        for model in WITH_HISTORY
        for name in ("append_only", "never_emptied")
    }

    assert {
        (table, name)
        for table, name in triggers_in_the_database()
        if table.startswith("workflows_app_")
    } == declared | histories
