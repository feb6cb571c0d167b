"""What a step changed, in words: what became of a run in one paragraph, and every other row in a line.

What is usual (`usual.py`) is left out, unless the story is told whole.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from tests.model.rows import Row
from tests.stories.ledger import Change, Ledger
from tests.stories.names import Names
from tests.stories.usual import Usual
from tests.stories.words import Words

#: Told by the row's name, different each time, or how the host counts for itself.
_HIDDEN = {
    *("id", "created_at", "history_id", "history_date", "history_type", "history_user_id"),
    *("history_change_reason", "duration_ms", "transaction", "seen_at", "secret_names"),
    *("claimed_by", "arrivals", "arrivals_seen", "token"),
}
_NAMED_BY_ROW = {
    "Event": {"topic_id", "message_id"},
    "Run": {"workflow_id", "handler_id", "lane"},
    "Handler": {"workflow_id", "name", "kind"},
    "Topic": {"workflow_id", "name"},
    "Lease": {"workflow_id"},
    "LaneState": {"handler_id", "lane"},
    "Mutation": {"run_id", "mutator"},
    "Evidence": {"mutation_id", "kind", "verdict"},
    "Input": {"workflow_id", "source", "type", "external_id"},
    "WorkflowVersion": {"workflow_id", "major", "minor"},
    "Workflow": {"slug"},
    "Breaker": {"handler_id"},
    "OperatorAction": {"operation", "actor_id"},
    "Arrival": {"topic_id", "lane"},
    "EventInput": {"event_id", "input_id"},
    "Reservation": {"event_id", "run_id"},
}
_NOTHING: tuple[Any, ...] = (None, "", False, [], 0)
_WIDTH = 116
_VERDICTS = {"applied": "applied", "failed": "not_applied"}


class Telling:
    """The changes of one step, and what else happened in it."""

    def __init__(self, ledger: Ledger, words: Words, now: str, *, said: str = "") -> None:
        self.changes = ledger.changes()
        self.rows = self._rows = ledger.rows
        self.names = self._names = Names(self._rows, words)
        self._odd = list(ledger.odd())
        self._words = words
        self.usual = Usual(self._rows, self.changes, self._names, now)
        self.usual.said = said
        self.notes: list[str] = []
        #: What is told behind the sentence of the step.
        self.asides: list[str] = []
        self._told: set[int] = set()

    # Whole

    def whole(self) -> Iterator[str]:
        """Yield all notes, and every change with all its columns."""
        yield from self.notes
        for change in self.changes:
            if not change.states:
                yield f"- {self._names.name(change.table, change.row)}"
            for was, row in change.steps():
                sign = "+" if was is None else "~"
                columns = self._columns(change.table, was, row, whole=True)
                told = ", ".join(columns) + self._why(change.table, was, row, whole=True)
                name = self._names.name(change.table, row)
                yield from wrapped(f"{sign} {name}: {told}" if told else f"{sign} {name}")

    def _why(self, table: str, was: Row | None, row: Row, *, whole: bool = False) -> str:
        if "history_change_reason" not in row:
            return ""
        if not whole and self.usual.reason(table, was, row):
            return ""
        user = row["history_user_id"]
        by = f", by {self._names.person(user)}" if user else ""
        return f" “{self._words.plain(row['history_change_reason'] or '')}”{by}"

    def _columns(self, table: str, was: Row | None, row: Row, *, whole: bool = False) -> list[str]:
        left_out = _HIDDEN | _NAMED_BY_ROW.get(table, set())
        expected = {} if whole else self.usual.expected(table, was, row)
        told = []
        for column in (name for name in row if name not in left_out):
            value, name = row[column], column.removesuffix("_id").replace("_", " ")
            if column in expected:
                if value != expected[column] and (value not in _NOTHING or expected[column]):
                    told.append(f"{name}={self._names.value(column, value)}")
            elif was is None:
                if value is not None if column == "lane" else value not in _NOTHING:
                    told.append(f"{name}={self._names.value(column, value)}")
            elif was[column] != value:
                old = self._names.value(column, was[column])
                told.append(f"{name}: {old} → {self._names.value(column, value)}")
        if table == "LaneState" and _waits(row) != (was is not None and _waits(was)):
            told.append("waits for news" if _waits(row) else "has news")
        return told

    # In short

    def short(self, logged: list[str]) -> Iterator[str]:
        """Yield what is not usual, run by run, and then the rest. Takes usual lines out of `logged`."""
        told = {
            change.pk: list(self._of_run(change)) for change in self._of("Run") if change.states
        }
        yield from (line for note in self.notes for line in wrapped(note))
        for change in self.changes:
            if change.table == "Run":
                name = self._names.name("Run", change.row)
                yield from wrapped(f"{name}: {'; '.join(told[change.pk])}")
            elif change.table == "OperatorAction" and not any(self._chain(change)):
                self.asides.append(f"Decision {change.pk}.")
            elif change.table not in ("Arrival", "Reservation", "EventInput") and not self._is_told(
                change
            ):
                yield from self._line(change)
        yield from self._causes()
        yield from self._reservations()
        for table, row, columns in self._odd:
            yield f"! {self._names.name(table, row)} is not as its history says: {columns}"
        for line in self.usual.log():
            if line in logged:
                logged.remove(line)
            else:
                yield f"not logged: {line}"

    def _of(self, table: str) -> Iterator[Change]:
        return (change for change in self.changes if change.table == table)

    def _is_told(self, change: Change) -> bool:
        return id(change) in self._told

    def _line(self, change: Change) -> Iterator[str]:
        table, name = change.table, self._names.name(change.table, change.row)
        if not change.states:
            yield f"- {name}"
            return
        if table == "Input" and self._is_own(change.row):
            return
        told = ", ".join(self._chain(change))
        if not told and (change.was is not None or table == "LaneState"):
            return
        sign = "+" if change.was is None else "~"
        yield from wrapped(f"{sign} {name}: {told}" if told else f"{sign} {name}")

    def _chain(self, change: Change) -> Iterator[str]:
        """Yield what the states of a row tell, one after the other."""
        for was, row in change.steps():
            told = ", ".join(self._columns(change.table, was, row))
            told += self._why(change.table, was, row)
            if told:
                yield told.strip()

    def _is_own(self, row: Row) -> bool:
        """Tell whether an input stands for an event that came of nothing else."""
        return bool(row["source"] == "app" and row["title"] == row["external_id"])

    def _of_run(self, change: Change) -> Iterator[str]:
        """Yield what became of a run, and of all that is its own."""
        run = change.row
        yield from self._course(change)
        for event in self._of("Event"):
            yield from self._event_of(event, run["id"])
        sent = [own for own in self._of("Mutation") if own.row["run_id"] == run["id"]]
        for mutation in sent:
            yield from self._call(mutation)
        yield from self._next_of(run)
        for lane in self._of("LaneState"):
            same = (lane.row["handler_id"], lane.row["lane"]) == (run["handler_id"], run["lane"])
            if same and lane.states and run["status"] == "committed" and not self._is_told(lane):
                self._told.add(id(lane))
                yield from self._chain(lane)

    def _course(self, change: Change) -> Iterator[str]:
        own = {"phase", "status"}
        walked: list[str] = []
        for was, row in change.steps():
            told = [
                each
                for each in self._columns("Run", was, row)
                if each.partition("=")[0].partition(":")[0] not in own
            ]
            words = [word for word in ("phase", "status") if was is None or was[word] != row[word]]
            here = [row[word] for word in words]
            if was is None:
                here = ["new"] + [word for word in here if word not in ("preparing", "active")]
            elif row["status"] == "committed":
                here = ["committed"]
            told = (["/".join(here)] if here else []) + told
            walked.append(f"{', '.join(told)}{self._why('Run', was, row)}".strip())
        yield " → ".join(filter(None, walked))

    def _event_of(self, change: Change, run: int) -> Iterator[str]:
        """Yield what the run did to an event."""
        walked = []
        for was, row in change.steps():
            by = (
                row["created_by_id"]
                if was is None
                else row["reserved_by_id"] or was["reserved_by_id"]
            )
            if by != run:
                continue
            self._told.add(id(change))
            told = self._columns("Event", was, row)
            told = [each for each in told if each != f"created by=run {run}"]
            if was is not None and was["status"] != row["status"]:
                told = [row["status"], *(each for each in told if not each.startswith("status:"))]
            elif was is not None and was["reserved_by_id"] != row["reserved_by_id"]:
                told.append("taken over")
            walked.append(f"{' '.join(told)}{self._why('Event', was, row)}".strip())
            if was is None:
                walked[-1] = f"new {walked[-1]}".strip()
        if walked:
            is_new = change.was is None and change.row["created_by_id"] == run
            name = self._names.name("Event", change.row)
            yield f"{name if is_new else name.partition(' (')[0]} {', '.join(walked)}"

    def _call(self, change: Change) -> Iterator[str]:
        """Yield what was sent, what came back, and what is kept of it."""
        row, self_told = change.row, []
        self._told.add(id(change))
        params, key = json.dumps(row["params"], sort_keys=True), row["idempotency_key"]
        begins = self._words.plain(f"{row['mutator']} gets {params} with {key}")
        gets = [note for note in self.notes if note.startswith(begins)]
        if change.was is None and len(gets) == 1:
            self.notes.remove(gets[0])
            self_told.append(gets[0])
        elif change.was is None:
            self_told.append(f"{begins}: {len(gets)} times")
        for was, state in change.steps():
            told = [
                each
                for each in self._columns("Mutation", was, state)
                if not each.startswith("params=") and not self._is_result(each, state)
            ]
            if was is not None and was["status"] != state["status"]:
                told = [f"→ {state['status']}", *(e for e in told if not e.startswith("status:"))]
                if state["status"] == "applied" and was["status"] == "in_flight":
                    told = told[1:]
            self_told += filter(None, [", ".join(told) + self._why("Mutation", was, state)])
        yield f"{self._names.name('Mutation', row).partition(' of')[0]} {', '.join(self_told)}"
        yield from self._evidence(change)

    def _is_result(self, told: str, row: Row) -> bool:
        """Tell whether `next` is told this result, and the story tells so."""
        handed = f"is told applied, {row['result']}"
        return told.startswith("result: none → ") and any(
            note.endswith(handed) for note in self.notes
        )

    def _evidence(self, change: Change) -> Iterator[str]:
        found = [
            each
            for each in self._of("Evidence")
            if each.row["mutation_id"] == change.pk and not self._is_told(each)
        ]
        self._told |= {id(each) for each in found}
        states = [row for was, row in change.steps() if was and was["status"] == "in_flight"]
        if states:
            verdict = _VERDICTS.get(states[0]["status"], "unknown")
            usual = [
                each
                for each in found
                if (each.row["kind"], each.row["verdict"]) == ("execute", verdict)
                and each.row["detail"] in (states[0]["history_change_reason"] or "")
                and all(
                    told.startswith("detail=") for told in self._columns("Evidence", None, each.row)
                )
            ]
            if len(usual) == 1:
                found.remove(usual[0])
            else:
                yield "no evidence of the call"
        for each in found:
            told = ", ".join(self._columns("Evidence", None, each.row))
            name = f"evidence {each.pk} ({each.row['kind']}: {each.row['verdict']})"
            yield f"{name} {told}".strip()

    def _next_of(self, run: Row) -> Iterator[str]:
        names = [self._rows["Event"][pk]["message_id"] for pk in self._rows.reserved_by(run["id"])]
        handler = self._rows["Handler"][run["handler_id"]]["name"]
        begins = f"{handler}.next of {names} is told "
        for note in [note for note in self.notes if note.startswith(begins)][:1]:
            self.notes.remove(note)
            yield f"next is told {note.removeprefix(begins)}"

    def _causes(self) -> Iterator[str]:
        """Yield of what events came, where it is not what they were made from."""
        new = {change.pk for change in self._of("Event") if change.was is None}
        linked = {change.row["event_id"] for change in self._of("EventInput")}
        for pk in sorted(new | linked):
            event, found = self._rows["Event"][pk], self._rows.inputs_of(pk)
            topic = self._rows["Topic"][event["topic_id"]]
            own = ("app", topic["name"], event["message_id"])
            usual = {
                row["id"]
                for row in self._rows["Input"].values()
                if (row["source"], row["type"], row["external_id"]) == own
            }
            if event["created_by_id"]:
                by = self._rows.reserved_by(event["created_by_id"])
                usual = {cause for each in by for cause in self._rows.inputs_of(each)}
            if found != usual or pk not in new:
                yield f"event {pk} came of inputs {', '.join(map(str, sorted(found)))}"

    def _reservations(self) -> Iterator[str]:
        made = {(each.row["run_id"], each.row["event_id"]) for each in self._of("Reservation")}
        held = {
            (row["reserved_by_id"], change.pk)
            for change in self._of("Event")
            for was, row in change.steps()
            if row["reserved_by_id"] and (was or {}).get("reserved_by_id") != row["reserved_by_id"]
        }
        for run, event in sorted(made ^ held):
            word = "reserves" if (run, event) in made else "has no reservation of"
            yield f"run {run} {word} event {event}"


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH - 4,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _waits(row: Row) -> bool:
    return row["arrivals_seen"] is not None and row["arrivals_seen"] == row["arrivals"]
