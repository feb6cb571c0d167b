"""What goes without saying: values, reasons and log lines that follow from what else is told.

Each rule says what must be so. Whatever is not so is told: by leaving out what is usual, no fault is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.model.rows import OPEN, Row, Rows
from tests.stories.ledger import Change
from tests.stories.names import Names
from workflows_app.conf import PRODUCER_LANE

_OVER = ("committed", "failed", "crashed")


class Usual:
    """What is usual in one step. `now`: what time it is, as rows have it."""

    def __init__(self, rows: Rows, changes: list[Change], names: Names, now: str) -> None:
        self._rows, self._names, self.now = rows, names, now
        self._changes = changes
        #: The payloads and the sentence of the step.
        self.given: set[str] = set()
        self.said = ""
        decisions = [change.row for change in changes if change.table == "OperatorAction"]
        self._decided = {(row["reason"], row["actor_id"]) for row in decisions}

    def expected(self, table: str, was: Row | None, row: Row) -> dict[str, Any]:
        """Return what columns must be in this state, if it is a usual one."""
        found: dict[str, Any] = {}
        is_new = was is None
        changed = {name for name in row if was is None or was[name] != row[name]}
        match table:
            case "Run":
                found |= self._of_run(row, changed, is_new=is_new)
            case "Mutation":
                found |= self._of_mutation(was, row, changed)
            case "Evidence":
                actor = row["actor_id"]
                found["actor_name"] = "" if actor is None else self._names.person(actor)
                found["attempt"] = 1
                last = row["traceback"].strip().rpartition("\n")[2]
                found["traceback"] = row["traceback"] if last == row["detail"] else ""
            case "Event" if is_new:
                found |= {"status": "pending", "revision": 1}
                if json.dumps(row["payload"], sort_keys=True) in self.given:
                    found["payload"] = row["payload"]
            case "Event":
                # Whose it is, is told by the run.
                found["reserved_by_id"] = row["reserved_by_id"]
            case "LaneState" if "the host works" in self.said:
                # `lanes` says when it is not so. What people and deploys do to it is told.
                found |= {"oldest_pending": row["oldest_pending"], "is_held": row["is_held"]}
            case "Lease":
                found["next_due_at"] = row["next_due_at"]
            case "OperatorAction":
                found |= self._of_decision(row)
        return found

    def _of_run(self, row: Row, changed: set[str], *, is_new: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        workflow = self._rows["Workflow"][row["workflow_id"]]
        if is_new:
            found |= {"started_at": self.now, "version_id": workflow["active_version_id"]}
            if not self._decided:
                (lease,) = self._rows.find("Lease", workflow_id=workflow["id"])
                found["fencing_token"] = lease["token"]
        if "status" in changed and row["status"] in _OVER:
            found["ended_at"] = self.now
        if "phase" in changed and row["phase"] != "preparing":
            sent = self._rows.mutation_of(row)
            result = row["prepare_result"] or {"title": "", "data": None}
            found["title"] = result["title"]
            found["prepare_result"] = {
                "title": row["title"],
                "wake_at": None,
                "data": sent["params"] if sent else result["data"],
                "reservations": [
                    {"message_id": event["message_id"], "topic": topic["name"]}
                    for event, topic in self._reserved(row["id"])
                ],
            }
            if sent:
                found["idempotency_key"] = sent["idempotency_key"]
        if row["status"] == "failed" and "status" in changed:
            found["failure_phase"] = row["phase"]
            if row.get("history_change_reason") == _failed(row):
                found |= {name: row[name] for name in ("failure_kind", "failure_message")}
        return found

    def _reserved(self, run: int) -> Iterator[tuple[Row, Row]]:
        for pk in self._rows.reserved_by(run):
            event = self._rows["Event"][pk]
            yield event, self._rows["Topic"][event["topic_id"]]

    def _of_mutation(self, was: Row | None, row: Row, changed: set[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if was is None:
            found |= {"sent_at": self.now, "status": "in_flight"}
            found["idempotency_key"] = self._rows["Run"][row["run_id"]]["idempotency_key"]
            params = row["params"]
            if isinstance(params, dict) and set(params) == {"kilos", "orders"}:
                found["target"] = f"{params['kilos']} kg, orders {', '.join(params['orders'])}"
            return found
        if "status" in changed:
            settled = row["status"] in ("applied", "failed", "skipped")
            found["resolved_at"] = self.now if settled else None
            if was["status"] == "in_flight":
                found["ended_at"] = self.now
            found["resolved_by"] = "response" if settled else ""
            if row["status"] != "needs_reconcile":
                found["next_reconcile_at"] = None
        return found

    def _of_decision(self, row: Row) -> dict[str, Any]:
        found: dict[str, Any] = {"actor_name": self._names.person(row["actor_id"])}
        found["reason"] = row["reason"] if repr(row["reason"]) in self.said else None
        run = self._rows["Run"].get(row["run_id"])
        if run is not None:
            found["workflow_id"] = run["workflow_id"]
            sent = self._rows.mutation_of(run)
            known = self._rows.find("Evidence", mutation_id=sent["id"]) if sent else []
            found["evidence_seen_id"] = known[-1]["id"] if known else None
            found["run_id"] = run["id"] if f" {run['id']}," in self.said else None
        event = self._rows["Event"].get(row["event_id"])
        if event is not None:
            topic = self._rows["Topic"][event["topic_id"]]
            found["workflow_id"] = topic["workflow_id"]
            is_said = f" {topic['name']}/{event['message_id']}," in self.said
            found["event_id"] = event["id"] if is_said else None
        return found

    def reason(self, table: str, was: Row | None, row: Row) -> bool:
        """Tell whether the reason of this state goes without saying."""
        reason, person = row["history_change_reason"] or "", row["history_user_id"]
        if person is not None:
            return (reason, person) in self._decided
        return reason in self._usual_reasons(table, was, row)

    def _usual_reasons(self, table: str, was: Row | None, row: Row) -> Iterator[str]:
        match table, row.get("status"):
            case "Event", _ if was is None:
                by = row["created_by_id"]
                yield f"published by run {by}" if by else "published by the application"
            case "Event", "reserved":
                run = self._rows["Run"][row["reserved_by_id"]]
                yield f"reserved by run {run['id']}"
                yield f"retry of run {run['retry_of_id']}"
            case "Event", "consumed" if was:
                yield f"consumed by run {was['reserved_by_id']}"
            case "Event", "pending" if was:
                yield from self._reasons_of_run(was["reserved_by_id"])
            case "Run", _ if was is None:
                retried = row["retry_of_id"]
                yield f"retry of run {retried}" if retried else "started"
            case "Run", "active" if was:
                sent = self._rows.mutation_of(row)
                name = sent["mutator"] if sent else ""
                if was["phase"] == row["phase"]:
                    yield "continued"
                elif row["phase"] == "mutating":
                    yield f"about to call {name}"
                elif row["phase"] == "mutated":
                    yield f"{name} was applied"
            case "Run", "committed":
                yield "committed"
            case "Run", "failed" | "crashed" if was and was["owes_retry"] and not row["owes_retry"]:
                yield f"retry of run {row['id']}"
            case "Run", "reconciling" | "blocked":
                sent = self._rows.mutation_of(row)
                yield from self._reasons_of("Mutation", sent["id"] if sent else 0)
            case "Mutation", "in_flight":
                yield "about to be sent"
            case "Mutation", "applied":
                yield "it happened, by the answer to the call"
            case "Mutation", "failed":
                message = self._rows["Run"][row["run_id"]]["failure_message"]
                yield f"it did not happen, by the answer to the call: {message}"

    def _reasons_of_run(self, run: int) -> Iterator[str]:
        yield from self._reasons_of("Run", run)

    def _reasons_of(self, table: str, pk: int) -> Iterator[str]:
        for change in self._changes:
            if change.table == table and change.pk == pk:
                yield from (row["history_change_reason"] or "" for row in change.states)

    def log(self) -> Iterator[str]:
        """Yield the log lines that follow from what became of runs."""
        for change in self._changes:
            if change.table != "Run":
                continue
            for was, row in change.steps():
                yield from self._logged(was, row)

    def _logged(self, was: Row | None, row: Row) -> Iterator[str]:
        of = f"workflow={self._rows['Workflow'][row['workflow_id']]['slug']} run={row['id']}"
        if was is None and row["retry_of_id"]:
            yield f"INFO run.retried {of} retry_of={row['retry_of_id']}"
        if was is not None and was["status"] == row["status"]:
            return
        sent = self._rows.mutation_of(row)
        lane, mutator = f"lane={row['lane']}", f"mutator={sent['mutator']}" if sent else ""
        match row["status"], row["history_user_id"]:
            case "committed", _:
                yield f"INFO run.committed {of}"
            case "reconciling", None:
                yield f"WARNING mutation.unknown {of} {lane} {mutator}"
            case "blocked", None:
                yield f"ERROR run.blocked {of} {lane} {mutator} question=did it happen?"
            case "failed", None if row["failure_kind"] != "poison":
                due = row["retry_due_at"] and self._names.value("", row["retry_due_at"])
                waits = row["owes_retry"] and due is None
                told = f"{lane} kind={row['failure_kind']} retry_due_at={due}"
                is_poll = row["lane"].startswith(PRODUCER_LANE)
                fails_each_time = is_poll and row["failure_kind"] == "logic"
                level = "ERROR" if waits else "WARNING" if fails_each_time else "INFO"
                waits_for = f" waits_for=Retry now, {self._skips(row)}or a new version"
                yield f"{level} run.failed {of} {told}{waits_for if waits else ''}"

    def _skips(self, run: Row) -> str:
        """Return how the log names Skip event of a failed run: not at all if it keeps its events, as only `next` is missing."""
        keeps = self._rows.find("Event", status="reserved", reserved_by_id=run["id"])
        return "" if list(keeps) else "Skip event, "

    def lanes(self) -> Iterator[tuple[Row, int | None, bool]]:
        """Yield each lane's row that is not as events and runs are, and how it must be."""
        for row in self._rows["LaneState"].values():
            handler = self._rows["Handler"][row["handler_id"]]
            topics = {topic["id"] for topic in self._rows.find("Topic", consumer_id=handler["id"])}
            if any(
                arrival["lane"] in (row["lane"], None) and arrival["topic_id"] in topics
                for arrival in self._rows["Arrival"].values()
            ):
                continue
            waiting = self._rows.find("Event", lane=row["lane"], status="pending")
            first = min((e["id"] for e in waiting if e["topic_id"] in topics), default=None)
            runs = self._rows.find("Run", lane=row["lane"], workflow_id=handler["workflow_id"])
            if any(run["status"] in OPEN for run in runs):
                # Its events are looked at again when that run has ended.
                if not row["is_held"]:
                    yield row, row["oldest_pending"], True
                continue
            is_held = any(run["owes_retry"] for run in runs)
            if (row["oldest_pending"], row["is_held"]) != (first, is_held):
                yield row, first, is_held

    def next_due_at(self, workflow: int) -> str | None:
        """Return when the workflow must be looked at next, if nothing happens before."""
        runs = self._rows.find("Run", workflow_id=workflow)
        handlers = self._rows.find("Handler", workflow_id=workflow)
        ids = {run["id"] for run in runs}
        moments = [run["retry_due_at"] for run in runs if run["owes_retry"]]
        moments += [
            row["next_reconcile_at"]
            for row in self._rows["Mutation"].values()
            if row["run_id"] in ids
        ]
        of = {handler["id"] for handler in handlers}
        moments += [
            row["wake_at"] for row in self._rows["LaneState"].values() if row["handler_id"] in of
        ]
        return min((moment for moment in moments if moment and moment > self.now), default=None)


def _failed(row: Row) -> str:
    return f"run {row['id']} failed ({row['failure_kind']}): {row['failure_message']}"
