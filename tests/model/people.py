"""People, what they press, and when it must be refused; by the design's tables, not by the engine.

A refused decision changes nothing at all. One that is carried out is one `OperatorAction`, and all
history it wrote names the person and the reason (P4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from tests.model.rows import WITH_HISTORY, Row, Rows
from workflows_app import operations
from workflows_app.errors import OperationRefused
from workflows_app.models import Breaker, Event, Run, Workflow

#: Olga and Otto may decide, Viktor may look.
GROUPS = {"olga": "Workflow operators", "otto": "Workflow operators", "viktor": "Workflow viewers"}
PEOPLE = tuple(GROUPS)

ON_RUNS = (
    *("it_didnt_happen", "it_happened", "skip_run", "try_again", "decide_now"),
    "retry_failed_run",
)
ON_WORKFLOW = ("pause_workflow", "resume_workflow", "run_producers_now")


def hire() -> None:
    for name, group in GROUPS.items():
        User.objects.create_user(name).groups.add(Group.objects.get(name=group))


@dataclass(frozen=True)
class Press:
    """A person presses a button, perhaps one that does not apply."""

    who: str
    operation: str
    #: The row it is pressed on.
    target: Row
    reason: str = "I looked at the bank"
    #: What It happened says that the bank gave.
    result: Any = None

    def must_be_refused_as(self, rows: Rows, *, can_ask: bool) -> str | None:
        """Return the refusal code that the design demands, or None if it must be carried out."""
        if not self.reason:
            return "reason_required"
        if GROUPS[self.who] != "Workflow operators":
            return "permission_denied"
        if self.operation == "skip_event":
            return None if self.target["status"] == "pending" else "not_pending"
        if self.operation in ON_RUNS:
            return self._of_run(rows, can_ask)
        if self.operation == "close_breaker":
            return None if self.target["status"] != "closed" else "not_open"
        return self._of_workflow(rows)

    def _of_run(self, rows: Rows, can_ask: bool) -> str | None:
        status = self.target["status"]
        if self.operation == "decide_now":
            return None if status == "reconciling" else "not_reconciling"
        if self.operation != "retry_failed_run":
            if status != "blocked":
                return "not_blocked"
            if self.operation == "it_didnt_happen" and _says_it_happened(rows, self.target):
                return "contradicted"
            cannot = self.operation == "try_again" and not can_ask
            return "cannot_reconcile" if cannot else None
        if status in ("blocked", "reconciling"):
            return "outcome_unknown"
        if status != "failed" or rows.find("Run", retry_of_id=self.target["id"]):
            return "not_latest"
        holder = rows.holder_of(self.target["lane"])
        return "run_open" if holder is not None and holder["id"] != self.target["id"] else None

    def _of_workflow(self, rows: Rows) -> str | None:
        is_paused = rows.workflow["status"] == "paused"
        if self.operation == "pause_workflow":
            return "already_paused" if is_paused else None
        if self.operation == "resume_workflow":
            return None if is_paused else "not_paused"
        return "already_paused" if is_paused else None

    def carry_out(self) -> Any:
        """Press. Raises OperationRefused."""
        press: Callable[..., Any] = getattr(operations, self.operation)
        told = {"result": self.result} if self.operation == "it_happened" else {}
        actor = User.objects.get(username=self.who)
        return press(self._pressed_on(), actor=actor, reason=self.reason, **told)

    def _pressed_on(self) -> Any:
        pk = self.target["id"]
        if self.operation in ON_RUNS:
            return Run.objects.get(pk=pk)
        if self.operation == "skip_event":
            return Event.objects.get(pk=pk)
        if self.operation == "close_breaker":
            return Breaker.objects.get(pk=pk).handler
        return Workflow.objects.get(pk=pk)

    def carry_out_and_check(self, before: Rows, *, can_ask: bool) -> Rows:
        """Press, and check what came of it. Returns all rows as they are then."""
        expected = self.must_be_refused_as(before, can_ask=can_ask)
        if expected is not None:
            with pytest.raises(OperationRefused) as refusal:
                self.carry_out()
            code = refusal.value.code
            assert code == expected, f"{self.operation} was refused as {code}, not as {expected}"
            after = Rows.now(before)
            assert after.tables == before.tables, "a refused decision changed something"
            return after
        self.carry_out()
        after = Rows.now(before)
        self._check_records(before, after)
        _EFFECTS[self.operation](before, after, self.target["id"])
        return after

    def _check_records(self, before: Rows, after: Rows) -> None:
        (action,) = after.new("OperatorAction", before)
        person = User.objects.get(username=self.who).pk
        target = {"event_id": None, "run_id": None}
        if self.operation not in (*ON_WORKFLOW, "close_breaker"):
            on = "event_id" if self.operation == "skip_event" else "run_id"
            target[on] = self.target["id"]
        told = {key: action[key] for key in ("operation", "actor_id", "reason", *target)}
        expected = {"operation": self.operation, "actor_id": person, "reason": self.reason}
        assert told == {**expected, **target}, "P4: the decision is not written down as it was"
        for table in WITH_HISTORY:
            for row in after.new(table, before):
                who, why = row["history_user_id"], row["history_change_reason"]
                assert (who, why) == (person, self.reason), f"P4: {table} does not say who and why"


def _says_it_happened(rows: Rows, run: Row) -> bool:
    """Tell whether an answer that came too late says that the effect of the blocked `run` did happen."""
    (mutation,) = rows.find("Mutation", run_id=run["id"])
    return bool(rows.find("Evidence", mutation_id=mutation["id"], kind="late", verdict="applied"))


def _event_skipped(before: Rows, after: Rows, event: int) -> None:
    assert after["Event"][event]["status"] == "skipped"
    for pk, run in before["Run"].items():
        is_freed = run["owes_retry"] and _owes_nothing_now(after, run, after["Event"][event])
        freed = {"owes_retry": False, "retry_due_at": None} if is_freed else {}
        assert after["Run"][pk] == run | freed


def _owes_nothing_now(rows: Rows, run: Row, skipped: Row) -> bool:
    """Tell whether all that the run is to be retried for is skipped, and nothing outside binds it.

    One that has reserved nothing is to be retried for the first event of its lane.
    """
    reserved = rows.reserved_by(run["id"])
    if not reserved:
        return _comes_first(rows, skipped, run)
    was_about_it = skipped["id"] in reserved and not rows.only_next_is_missing(run)
    return was_about_it and {rows["Event"][pk]["status"] for pk in reserved} == {"skipped"}


def _comes_first(rows: Rows, skipped: Row, run: Row) -> bool:
    """Tell whether no older event waits for the handler of `run` in its lane."""

    def is_of_run(event: Row) -> bool:
        consumer = rows["Topic"][event["topic_id"]]["consumer_id"]
        return (consumer, event["lane"]) == (run["handler_id"], run["lane"])

    waiting = rows.find("Event", status="pending")
    older = [event for event in waiting if event["id"] < skipped["id"] and is_of_run(event)]
    return is_of_run(skipped) and not older


def _asked_again(before: Rows, after: Rows, run: int) -> None:
    (mutation,) = after.find("Mutation", run_id=run)
    assert (after["Run"][run]["status"], mutation["status"]) == ("reconciling", "needs_reconcile")
    assert mutation["reconcile_attempts"] == 0
    assert after["Event"] == before["Event"], "P2: Try again keeps the reservations"


def _made_again(before: Rows, after: Rows, run: int) -> None:
    (mutation,) = after.find("Mutation", run_id=run)
    (retry,) = after.new("Run", before)
    ended = after["Run"][run]
    assert (ended["status"], mutation["status"]) == ("failed", "failed")
    assert mutation["resolved_by"] == "operator"
    same = ("prepare_result", "idempotency_key", "title", "handler_id")
    assert {key: retry[key] for key in same} == {key: ended[key] for key in same}, (
        "P1: It didn't happen must send the same call again"
    )
    assert (retry["retry_of_id"], retry["status"], retry["phase"]) == (run, "active", "prepared")
    assert after.reserved_by(retry["id"]) == after.reserved_by(run)
    held = {row["id"] for row in after.find("Event", reserved_by_id=retry["id"])}
    assert held == set(after.reserved_by(run)), "P2: the retry takes the events over"


def _goes_on(before: Rows, after: Rows, run: int) -> None:
    (mutation,) = after.find("Mutation", run_id=run)
    assert (after["Run"][run]["status"], mutation["status"]) == ("active", "applied")
    assert mutation["resolved_by"] == "operator"
    assert after["Event"] == before["Event"], "P2: It happened keeps the reservations"


def _asked_no_more(before: Rows, after: Rows, run: int) -> None:
    (mutation,) = after.find("Mutation", run_id=run)
    assert (after["Run"][run]["status"], mutation["status"]) == ("blocked", "indeterminate")
    assert after["Event"] == before["Event"], "P2: Decide now keeps the reservations"


def _lets_calls_out(before: Rows, after: Rows, breaker: int) -> None:
    assert (after["Breaker"][breaker]["status"], after["Breaker"][breaker]["unknowns"]) == (
        "closed",
        0,
    )
    assert (after["Run"], after["Event"]) == (before["Run"], before["Event"])


def _abandoned(before: Rows, after: Rows, run: int) -> None:
    (mutation,) = after.find("Mutation", run_id=run)
    assert (after["Run"][run]["status"], mutation["status"]) == ("active", "skipped")
    events = {after["Event"][pk]["status"] for pk in after.reserved_by(run)}
    assert events == {"skipped"}


def _retried(before: Rows, after: Rows, run: int) -> None:
    (retry,) = after.new("Run", before)
    assert (retry["retry_of_id"], retry["status"]) == (run, "active")
    next_only = before.only_next_is_missing(before["Run"][run])
    assert retry["phase"] == ("mutated" if next_only else "preparing")
    assert _statuses(after) == _statuses(before), "P2: Retry now released or took an event"


def _statuses(rows: Rows) -> dict[int, str]:
    return {pk: event["status"] for pk, event in rows["Event"].items()}


def _paused(before: Rows, after: Rows, _: int) -> None:
    assert after.workflow["status"] == "paused"
    assert (after["Run"], after["Event"]) == (before["Run"], before["Event"])


def _resumed(before: Rows, after: Rows, _: int) -> None:
    assert after.workflow["status"] == "active"
    assert (after["Run"], after["Event"]) == (before["Run"], before["Event"])


def _producers_due(before: Rows, after: Rows, _: int) -> None:
    (producer,) = after.find("Handler", kind="producer")
    (state,) = after.find("LaneState", handler_id=producer["id"])
    assert state["wake_at"] <= after["Lease"][after.workflow["id"]]["next_due_at"]


_EFFECTS: dict[str, Callable[[Rows, Rows, int], None]] = {
    "skip_event": _event_skipped,
    "try_again": _asked_again,
    "it_didnt_happen": _made_again,
    "it_happened": _goes_on,
    "decide_now": _asked_no_more,
    "close_breaker": _lets_calls_out,
    "skip_run": _abandoned,
    "retry_failed_run": _retried,
    "pause_workflow": _paused,
    "resume_workflow": _resumed,
    "run_producers_now": _producers_due,
}
