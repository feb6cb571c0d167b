"""All rows of the project at one moment, so that what a step changed can be said exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection

Row = dict[str, Any]
Tables = dict[str, dict[Any, Row]]

OPEN = ("active", "reconciling", "blocked")
#: Tables with a history, by the name of their history's table.
WITH_HISTORY = {
    "HistoricalEvent": "Event",
    "HistoricalRun": "Run",
    "HistoricalMutation": "Mutation",
    "HistoricalWorkflow": "Workflow",
    "HistoricalWorkflowVersion": "WorkflowVersion",
    "HistoricalBreaker": "Breaker",
}
#: Tables whose rows the database keeps as they are.
ONLY_ADDED_TO = {
    *WITH_HISTORY,
    "Evidence",
    "EventInput",
    "Input",
    "OperatorAction",
    "Reservation",
}


class Rows:
    """A copy of the tables. Rows are dicts, by primary key, in order of it; instants are text."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    @classmethod
    def now(cls, since: Rows | None = None) -> Rows:
        """Read all rows, in one query; of what is only added to, those not there `since`."""
        known = {t: rows for t, rows in since.tables.items() if t in ONLY_ADDED_TO} if since else {}
        models = {m.__name__: m for m in apps.get_app_config("workflows_app").get_models()}
        tables: Tables = {name: dict(known.get(name, {})) for name in models}
        seen = {name: next(reversed(rows), 0) for name, rows in tables.items()}
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(_select(m) for m in models.values()), seen)
            for table, pk, row in sorted(cursor.fetchall()):
                tables[table][pk] = json.loads(row)
        return cls(tables)

    def __getitem__(self, table: str) -> dict[Any, Row]:
        return self.tables[table]

    def new(self, table: str, since: Rows) -> Iterator[Row]:
        """Yield the rows of `table` that were not there `since`."""
        return (row for pk, row in self[table].items() if pk not in since[table])

    def find(self, table: str, **values: Any) -> list[Row]:
        """Return the rows of `table` with these values, oldest first."""
        wanted = values.items()
        return [
            row for row in self[table].values() if all(row[key] == value for key, value in wanted)
        ]

    @property
    def workflow(self) -> Row:
        return next(iter(self["Workflow"].values()))

    @property
    def open_runs(self) -> list[Row]:
        return [run for run in self["Run"].values() if run["status"] in OPEN]

    @property
    def owing_runs(self) -> list[Row]:
        return [run for run in self["Run"].values() if run["owes_retry"]]

    def holder_of(self, lane: str) -> Row | None:
        """Return the run that holds `lane`: it is open, or owes a retry."""
        holding = (*self.owing_runs, *self.open_runs)
        return next((run for run in holding if run["lane"] == lane), None)

    def lane_state(self, handler_id: int, lane: str) -> Row | None:
        return next(iter(self.find("LaneState", handler_id=handler_id, lane=lane)), None)

    def breaker_of(self, handler_id: int) -> Row | None:
        """Return the breaker of this consumer, if it lets no calls out."""
        found = self.find("Breaker", handler_id=handler_id)
        return next((row for row in found if row["status"] != "closed"), None)

    def mutation_of(self, run: Row) -> Row | None:
        """Return the mutation that `run` made or carries on."""
        own = self.find("Mutation", run_id=run["id"])
        return own[0] if own else self["Mutation"].get(run["carried_mutation_id"])

    def name(self, event: Row) -> str:
        """Return `topic/message_id`, as the bank calls events."""
        return f"{self['Topic'][event['topic_id']]['name']}/{event['message_id']}"

    def reserved_by(self, run_id: int) -> list[int]:
        """Return the ids of the events that the run reserved."""
        return [row["event_id"] for row in self.find("Reservation", run_id=run_id)]

    def inputs_of(self, event_id: int) -> set[int]:
        return {row["input_id"] for row in self.find("EventInput", event_id=event_id)}

    def only_next_is_missing(self, run: Row) -> bool:
        mutation = self.mutation_of(run)
        if mutation is None:
            return False
        is_handled_no = mutation["status"] == "failed" and run["phase"] in ("mutated", "emitting")
        return mutation["status"] in ("applied", "skipped") or is_handled_no

    def keeps_its_events(self, run: Row) -> bool:
        """Tell whether an ended run has its events still, for the retry that it owes.

        Either only `next` is missing, or its worker died while it made a call again that a person asked for.
        """
        earlier = self["Run"].get(run["retry_of_id"])
        took_over = (
            earlier is not None and "" != earlier["idempotency_key"] == run["idempotency_key"]
        )
        is_made_again = run["status"] == "crashed" and took_over
        return run["owes_retry"] and (is_made_again or self.only_next_is_missing(run))

    def decisions(self, operation: str, **target: Any) -> list[Row]:
        return self.find("OperatorAction", operation=operation, **target)


def _select(model: Any) -> str:
    name, key, table = model.__name__, model._meta.pk.column, model._meta.db_table
    return (
        f"SELECT '{name}', r.{key}, row_to_json(r)::text FROM {table} r WHERE r.{key} > %({name})s"
    )
