"""What rows and their values are called in a story."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from tests.model.rows import Row, Rows
from tests.stories.words import Words


class Names:
    """The names of the rows of one moment."""

    def __init__(self, rows: Rows, words: Words) -> None:
        self.rows, self.words = rows, words

    def value(self, column: str, value: Any) -> str:
        if value is None:
            return "none"
        if column.endswith("traceback"):
            return self.words.value(str(value).strip().rpartition("\n")[2])
        of = {"topic_id": "Topic", "consumer_id": "Handler", "workflow_id": "Workflow"}
        of |= {"handler_id": "Handler", "event_id": "Event", "input_id": "Input"}
        if column in ("version_id", "active_version_id"):
            version = self.rows["WorkflowVersion"][value]
            return f"{version['major']}.{version['minor']}"
        if column in of:
            name = self.name(of[column], self.rows[of[column]][value])
            return name.partition(" ")[2] if of[column] == "Handler" else name
        if column == "actor_id":
            return self.person(value)
        numbers = ("run_id", "reserved_by_id", "created_by_id", "retry_of_id")
        if column in numbers:
            return f"run {value}"
        return self.words.value(value)

    def name(self, table: str, row: Row) -> str:
        rows = self.rows
        match table:
            case "Workflow":
                return f"workflow {row['slug']}"
            case "WorkflowVersion":
                return f"version {row['major']}.{row['minor']}{self.of(row)}"
            case "Handler":
                return f"{row['kind']} {row['name']}{self.of(row)}"
            case "Topic":
                return f"topic {row['name']}{self.of(row)}"
            case "Lease":
                return f"lease of {self.slug(row)}"
            case "Input":
                identity = (row["source"], row["type"], row["external_id"])
                return f"input {row['id']} ({' / '.join(identity)}){self.of(row)}"
            case "Event":
                topic = rows["Topic"][row["topic_id"]]
                return f"event {row['id']} ({topic['name']} / {row['message_id']})"
            case "Arrival":
                topic = rows["Topic"][row["topic_id"]]
                return f"arrival in {topic['name']}, lane {self.words.value(row['lane'])}"
            case "EventInput":
                return f"event {row['event_id']} came of input {row['input_id']}"
            case "Run":
                handler = rows["Handler"][row["handler_id"]]
                return f"run {row['id']} ({handler['name']}, lane '{row['lane']}')"
            case "Reservation":
                return f"run {row['run_id']} reserves event {row['event_id']}"
            case "Mutation":
                return f"mutation {row['id']} of run {row['run_id']}"
            case "Evidence":
                told = f"evidence {row['id']} on mutation {row['mutation_id']}"
                return f"{told} ({row['kind']}: {row['verdict']})"
            case "Breaker":
                return f"breaker of {rows['Handler'][row['handler_id']]['name']}"
            case "LaneState":
                return f"lane '{row['lane']}' of {rows['Handler'][row['handler_id']]['name']}"
            case "OperatorAction":
                return f"decision {row['id']}: {row['operation']} by {self.person(row['actor_id'])}"
        return table.lower()

    def slug(self, row: Row) -> str:
        return str(self.rows["Workflow"][row["workflow_id"]]["slug"])

    def of(self, row: Row) -> str:
        return f" of {self.slug(row)}"

    @staticmethod
    def person(number: int) -> str:
        return str(get_user_model().objects.get(pk=number))
