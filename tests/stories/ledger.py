"""What a step changed in the ledger, as text: each row that is new, changed or gone, and why, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.fixed import Numbers
from tests.model.rows import WITH_HISTORY, Row, Rows

#: In this order tables are told, and from these numbers on their rows count: none is taken for another's.
FIRST_NUMBERS = {
    "Workflow": 1,
    "WorkflowVersion": 11,
    "Handler": 21,
    "Topic": 31,
    "Input": 41,
    "Event": 101,
    "Run": 201,
    "Mutation": 301,
    "Evidence": 401,
    "OperatorAction": 501,
    "Breaker": 601,
}
_ORDER = [
    *("Workflow", "WorkflowVersion", "Handler", "Topic", "Lease", "Input", "Event", "EventInput"),
    *("Arrival", "Run", "Reservation", "Mutation", "Evidence", "Breaker", "LaneState"),
    *("LaneRefusal", "OperatorAction", "MachineClock", "AlertChoice", "Alert"),
]


_NUMBERS = Numbers(
    {f"workflows_app_{name.lower()}": first for name, first in FIRST_NUMBERS.items()}
)


def number_rows() -> None:
    """Let each table go on from its newest row, or from its first number, whatever was drawn meanwhile."""
    _NUMBERS.go_on()


@dataclass
class Change:
    """What became of one row in a step."""

    table: str
    #: As it was before the step, or None if it is new.
    was: Row | None
    #: Each state it went through, the last of which is how it is now; none if it is gone.
    states: list[Row]

    @property
    def row(self) -> Row:
        found = self.states[-1] if self.states else self.was
        assert found is not None
        return found

    @property
    def pk(self) -> Any:
        return self.row.get("id")

    def steps(self) -> Iterator[tuple[Row | None, Row]]:
        """Yield each state with the one before it."""
        return zip([self.was, *self.states], self.states, strict=False)


class Ledger:
    """The tables, and what changed in them since they were last told."""

    def __init__(self) -> None:
        self.rows = Rows.now()
        #: The newest history of each row.
        self._newest: dict[tuple[str, Any], Row] = {}

    def copy(self) -> Ledger:
        made = Ledger.__new__(Ledger)
        made.rows, made._newest = self.rows, dict(self._newest)
        return made

    def changes(self) -> list[Change]:
        """Return what changed since, table by table, and look anew from here on."""
        before, self.rows = self.rows, Rows.now(self.rows)
        found: list[Change] = []
        for table in _ORDER:
            with_history = f"Historical{table}" in WITH_HISTORY
            found += (self._history if with_history else self._plain)(table, before)
        return found

    def _history(self, table: str, before: Rows) -> Iterator[Change]:
        news: dict[Any, list[Row]] = {}
        for row in self.rows.new(f"Historical{table}", before):
            news.setdefault(row["id"], []).append(row)
        for pk in sorted(news):
            change = Change(table, self._newest.get((table, pk)), news[pk])
            self._newest[table, pk] = news[pk][-1]
            yield change

    def odd(self) -> Iterator[tuple[str, Row, list[str]]]:
        """Yield each row that is not as its newest history says, and the columns in which it differs."""
        for table in WITH_HISTORY.values():
            for pk, row in self.rows[table].items():
                kept = self._newest.get((table, pk), {})
                names = [name for name in row if kept.get(name) != row[name]]
                names = [name for name in names if name not in ("created_at", "secret_names")]
                if names:
                    yield table, row, names

    def _plain(self, table: str, before: Rows) -> Iterator[Change]:
        old, new = before[table], self.rows[table]
        for pk in sorted({*old, *new}, key=lambda pk: _place(table, (old | new)[pk])):
            if old.get(pk) != new.get(pk):
                yield Change(table, old.get(pk), [new[pk]] if pk in new else [])


def _place(table: str, row: Row) -> Any:
    columns = {
        "EventInput": ("event_id", "input_id"),
        "LaneState": ("handler_id", "lane"),
        "Arrival": ("topic_id", "lane"),
        "Lease": ("workflow_id",),
        "LaneRefusal": ("event_id",),
    }
    return [row[name] if row[name] is not None else "" for name in columns.get(table, ("id",))]
