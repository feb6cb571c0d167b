"""One row of each table, made directly in the states that tests start from; and raw SQL on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import Error, connection, models, transaction

from workflows_app.models import (
    AccountChange,
    Breaker,
    Event,
    EventInput,
    Evidence,
    Handler,
    Input,
    LaneState,
    Mutation,
    OperatorAction,
    Reservation,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Rows:
    """A workflow with a handler and a topic, and rows on demand."""

    def __init__(self, slug: str = "pay") -> None:
        self.workflow = Workflow.objects.create(slug=slug, title="Pay")
        self.version = WorkflowVersion.objects.create(
            workflow=self.workflow, major=1, minor=0, kind="initial"
        )
        self.handler = Handler.objects.create(workflow=self.workflow, name="Pay", kind="consumer")
        self.topic = Topic.objects.create(
            workflow=self.workflow, name="invoice.received", consumer=self.handler
        )
        self._made = 0

    def run(self, status: str = "active", **values: Any) -> Run:
        """Make a run in any status, in a phase and with a failure that fit."""
        fitting: dict[str, Any] = {"phase": "mutating", "failure_kind": "", "started_at": NOON}
        if status == "committed":
            fitting["phase"] = "committed"
        if status == "failed":
            fitting["failure_kind"] = "transient"
        return Run.objects.create(
            workflow=self.workflow,
            handler=self.handler,
            version=self.version,
            status=status,
            **fitting | values,
        )

    def event(self, status: str = "pending", **values: Any) -> Event:
        self._made += 1
        given: dict[str, Any] = {"topic": self.topic, "payload": {}, "lane": ""}
        given["message_id"] = f"m{self._made}"
        return Event.objects.create(status=status, **given | values)

    def mutation(self, run: Run, status: str = "in_flight", **values: Any) -> Mutation:
        """Make a mutation in any status, with a resolution and a date that fit."""
        settled = status in ("applied", "failed", "skipped")
        fitting: dict[str, Any] = {
            "resolved_by": "response" if settled else "",
            "next_reconcile_at": NOON if status == "needs_reconcile" else None,
        }
        return Mutation.objects.create(
            run=run,
            mutator="bank.pay",
            params={},
            idempotency_key="k",
            sent_at=NOON,
            status=status,
            **fitting | values,
        )

    def lane(self, name: str = "") -> LaneState:
        return LaneState.objects.create(handler=self.handler, lane=name)

    def breaker(self, status: str = "closed") -> Breaker:
        """Make a breaker in any status, with a trial that fits."""
        trial_at = None if status == "closed" else NOON
        return Breaker.objects.create(handler=self.handler, status=status, trial_at=trial_at)

    def input(self, external_id: str = "42") -> Input:
        return Input.objects.create(
            workflow=self.workflow, source="erp", type="invoice", external_id=external_id
        )

    def cause(self) -> EventInput:
        return EventInput.objects.create(event=self.event(), input=self.input())

    def reservation(self) -> Reservation:
        return Reservation.objects.create(run=self.run(), event=self.event())

    def evidence(self) -> Evidence:
        return Evidence.objects.create(
            mutation=self.mutation(self.run()), kind="execute", verdict="unknown"
        )

    def account_change(self) -> AccountChange:
        return AccountChange.objects.create(
            kind="account", about="olga", about_key="1", what="made"
        )

    def action(self) -> OperatorAction:
        return OperatorAction.objects.create(
            operation="pause_workflow",
            actor=User.objects.create_user("olga"),
            actor_name="olga",
            reason="why",
            workflow=self.workflow,
        )


def execute(sql: str, parameters: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def update(row: models.Model, **columns: Any) -> None:
    """Change columns of a row by raw SQL, past models and history."""
    changes = ", ".join(f"{column} = %s" for column in columns)
    table = row._meta.db_table
    execute(f"UPDATE {table} SET {changes} WHERE id = %s", [*columns.values(), row.pk])


def delete(row: models.Model) -> None:
    """Delete a row by raw SQL."""
    execute(f"DELETE FROM {row._meta.db_table} WHERE id = %s", [row.pk])


def copy(row: models.Model, **columns: Any) -> None:
    """Insert the row once more by raw SQL, with other values in these columns."""
    names = [field.column for field in row._meta.concrete_fields if not field.primary_key]
    values = ", ".join("%s" if name in columns else name for name in names)
    given = [columns[name] for name in names if name in columns]
    table = row._meta.db_table
    execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} WHERE id = %s",
        [*given, row.pk],
    )


@contextmanager
def refused(*, constraint: str = "", trigger: str = "", message: str = "") -> Iterator[None]:
    """Expect that the database refuses the block, by this constraint or trigger."""
    with pytest.raises(Error) as error, transaction.atomic():
        yield
    diagnosis = error.value.__cause__.diag  # type: ignore[union-attr]  # psycopg's own error
    if constraint:
        assert diagnosis.constraint_name == constraint
    else:
        assert f"function pgtrigger_{trigger}_" in diagnosis.context
        assert diagnosis.message_primary == f"pgtrigger: {message}"
