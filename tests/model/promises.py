"""What must hold after every step about effects, events, outcomes and damage: P1, P2, P3 and P8.

Said of all rows together with the bank's own account, which knows the truth.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.model.bank import Bank
from tests.model.rows import OPEN, Row, Rows
from tests.model.shop import ATTEMPTS, CRASH_RETRIES, UNKNOWNS
from workflows_app.models import Event
from workflows_app.queries.waiting import why_pending

#: The first backoff of the policy, less a fifth.
SHORTEST_PAUSE = timedelta(seconds=8)
#: The status that a run has while its mutation has this one.
_RUN_WHILE = {"in_flight": "active", "needs_reconcile": "reconciling", "indeterminate": "blocked"}


@dataclass
class Mistakes:
    """Effects of which a person said, wrongly, that they did not happen: key and events."""

    made: list[tuple[str, frozenset[str]]] = field(default_factory=list)

    def excuses(self, bank: Bank, rows: Rows) -> Counter[str]:
        """Return how many effects too many each event may have by them.

        A bank that honours keys saves the person, if the call does go out again with its key.
        """
        excused: Counter[str] = Counter()
        for key, events in self.made:
            if not bank.honours_keys or _gave_up(rows, key):
                excused.update(events)
        return excused


def _gave_up(rows: Rows, key: str) -> bool:
    """Tell whether a run with this key failed in another way than by a person's word."""
    for run in rows.find("Run", idempotency_key=key, status="failed"):
        mutation = rows.mutation_of(run)
        if mutation is None or mutation["resolved_by"] != "operator":
            return True
    return False


def effects_are_made_once(bank: Bank, mistakes: Mistakes, rows: Rows) -> None:
    """P1."""
    assert not bank.broken, bank.broken[0]
    made = Counter(event for effect in bank.effects for event in effect.events)
    allowed = bank.excused + mistakes.excuses(bank, rows)
    for event, count in made.items():
        assert count <= 1 + allowed[event], f"P1: {event} was done {count} times outside"


def no_event_is_lost(rows: Rows) -> None:
    """P2: each event has a status that is accounted for."""
    for event in rows["Event"].values():
        name = rows.name(event)
        runs = [
            rows["Run"][row["run_id"]] for row in rows.find("Reservation", event_id=event["id"])
        ]
        if event["status"] == "reserved":
            holder = rows["Run"][event["reserved_by_id"]]
            goes_on = holder["status"] in OPEN
            assert holder in runs, f"P2: {name} is reserved without a reservation"
            assert goes_on or rows.keeps_its_events(holder), (
                f"P2: {name} is reserved by a run that is over"
            )
        if event["status"] == "consumed":
            committed = [run for run in runs if run["status"] == "committed"]
            assert len(committed) == 1, f"P2: {name} was consumed by {len(committed)} runs"
        if event["status"] == "skipped":
            decided = rows.decisions("skip_event", event_id=event["id"])
            decided += [d for run in runs for d in rows.decisions("skip_run", run_id=run["id"])]
            assert len(decided) == 1, f"P2: {name} was skipped by {len(decided)} decisions"
        if event["status"] == "pending":
            held = [run for run in runs if run["status"] in ("committed", *OPEN)]
            assert not held, f"P2: {name} is pending again, though a run has it"


def outcomes_are_known_or_waited_for(bank: Bank, rows: Rows) -> None:
    """P3: what is unknown holds its run and events; what is settled was told by somebody."""
    for mutation in rows["Mutation"].values():
        run = rows["Run"][mutation["run_id"]]
        status = mutation["status"]
        if status in _RUN_WHILE:
            assert run["status"] == _RUN_WHILE[status], f"P3: {status}, but run {run['status']}"
            events = {rows["Event"][pk]["status"] for pk in rows.reserved_by(run["id"])}
            assert events == {"reserved"}, "P3: events of an unknown outcome were let go"
        else:
            assert run["status"] not in ("reconciling", "blocked"), "P3: settled, but held up"
            _was_told(mutation, bank, rows)
        if status != "in_flight":
            calls = rows.find("Evidence", mutation_id=mutation["id"], kind="execute")
            assert len(calls) == 1, f"P3: {len(calls)} pieces of evidence of one call"
        most = ATTEMPTS - 1 if status == "needs_reconcile" else ATTEMPTS
        assert mutation["reconcile_attempts"] <= most, "P3: asked too often"
        _goes_to_next_once(mutation, rows)


def _was_told(mutation: Row, bank: Bank, rows: Rows) -> None:
    key, status, by = mutation["idempotency_key"], mutation["status"], mutation["resolved_by"]
    verdict = {"applied": "applied", "failed": "not applied"}.get(status, "")
    if by == "operator":
        operation = {"skipped": "skip_run", "applied": "it_happened"}.get(status, "it_didnt_happen")
        decided = rows.decisions(operation, run_id=mutation["run_id"])
        assert len(decided) == 1, f"P3: {status} by a person, without a decision"
    elif by == "reconcile":
        said = [question for question in bank.questions if question.key == key]
        assert verdict in [q.said for q in said], f"P3: {status}, which the bank never said"
    else:
        known = [sending.known for sending in bank.sendings if sending.key == key]
        assert verdict in known, f"P3: {status}, which the bank did not answer"
    if status == "applied":
        (effect,) = [e for e in bank.effects if e.result == mutation["result"]]
        assert effect.key == key, "P3: the result of another effect"


def _goes_to_next_once(mutation: Row, rows: Rows) -> None:
    runs = [rows["Run"][mutation["run_id"]], *rows.find("Run", carried_mutation_id=mutation["id"])]
    committed = [run for run in runs if run["status"] == "committed"]
    assert len(committed) <= 1, "P3: one outcome was brought to next by two runs that committed"


def nothing_starts_while_held(before: Rows, after: Rows, sent: int, began: list[str]) -> None:
    """P3 and P8, for a step of the host: a held lane rests, and a paused workflow starts nothing."""
    for run in (*before.open_runs, *before.owing_runs):
        is_settled_by_people = run["status"] == "blocked" or (
            run["owes_retry"] and run["retry_due_at"] is None
        )
        if is_settled_by_people:
            assert after["Run"][run["id"]] == run, "P3: a run moved that waits for a person"
            began_there = [new for new in after.new("Run", before) if new["lane"] == run["lane"]]
            assert not began_there, "P3: something began in a lane that waits for a person"
    if before.workflow["status"] == "paused":
        assert sent == 0, "Pause: something was sent while the workflow was paused"
        started = [phase for phase in began if phase in ("prepare", "poll")]
        assert not started, "Pause: something started while the workflow was paused"


def an_open_breaker_lets_nothing_out(before: Rows, after: Rows, now: datetime) -> None:
    """P8, for a step of the host: many unknown outcomes in a row are followed by no further call.

    Until a definite answer closes the breaker, or its time is over and one run is let through. A call
    that a person has asked for goes out.
    """
    for breaker in after["Breaker"].values():
        if breaker["status"] == "closed":
            assert breaker["unknowns"] < UNKNOWNS, "P8: calls go out after many unknown outcomes"
    said = [e for e in after.new("Evidence", before) if e["verdict"] != "unknown"]
    for breaker in before["Breaker"].values():
        if after["Breaker"][breaker["id"]]["unknowns"] < breaker["unknowns"]:
            answers = [e for e in said if e["detail"] != "never sent"]
            assert answers, "P8: unknown outcomes were forgotten without an answer"
        is_open = breaker["status"] == "open" and datetime.fromisoformat(breaker["trial_at"]) > now
        if not is_open or after["Breaker"][breaker["id"]]["openings"] == 0:
            continue
        sent = [
            run
            for mutation in after.new("Mutation", before)
            if (run := after["Run"][mutation["run_id"]])["handler_id"] == breaker["handler_id"]
        ]
        asked_for = [run for run in sent if _is_asked_for(run, after)]
        assert len(sent) == len(asked_for), "P8: a call went out through an open breaker"


def _is_asked_for(run: Row, rows: Rows) -> bool:
    """Tell whether a person has asked for the call of the run."""
    return any(
        action["operation"] in ("it_didnt_happen", "retry_failed_run")
        for action in rows.find("OperatorAction", run_id=run["retry_of_id"])
    )


def crashes_are_paused_and_end(before: Rows, after: Rows) -> None:
    """P8: what ended its worker is tried again after a pause, and not for ever."""
    for run in after.new("Run", before):
        assert run["earlier_crashes"] <= CRASH_RETRIES, "P8: something ended workers without end"
        crashed = after["Run"].get(run["retry_of_id"])
        if crashed is not None and crashed["status"] == "crashed":
            pause = datetime.fromisoformat(run["started_at"]) - datetime.fromisoformat(
                crashed["ended_at"]
            )
            assert pause >= SHORTEST_PAUSE, f"P8: tried again {pause} after its worker died"


def nothing_is_overlooked(rows: Rows, looked: dict[tuple[str, str], set[tuple[int, int]]]) -> None:
    """P2, for a rested and quiet host: what is pending has something that holds it up.

    A consumer that took nothing waits for the next arrival in the lane. `looked`: the events that were
    there when the consumer of a topic looked last in a lane.
    """
    if rows.workflow["status"] == "paused":
        return
    for event in rows.find("Event", status="pending"):
        topic = rows["Topic"][event["topic_id"]]
        handler, lane = topic["consumer_id"], event["lane"]
        if handler is None or rows.holder_of(lane) or rows.breaker_of(handler):
            continue
        was_seen = (event["id"], event["revision"]) in looked.get((topic["name"], lane), set())
        is_left = was_seen and _waits(rows, handler, lane)
        assert is_left, f"P2: {rows.name(event)} was overlooked"


def _waits(rows: Rows, handler_id: int, lane: str) -> bool:
    state = rows.lane_state(handler_id, lane)
    return state is not None and state["arrivals_seen"] == state["arrivals"]


def the_reason_is_told(rows: Rows) -> None:
    """P2: why an event is pending is said in a sentence that names what holds it up; of each lane one."""
    for event in {event["lane"]: event for event in rows.find("Event", status="pending")}.values():
        why = why_pending(Event.objects.get(pk=event["id"]))
        expected = _expected_reason(rows, event)
        assert expected in why, f"P2: {rows.name(event)} is said to wait because: {why}"


def _expected_reason(rows: Rows, event: Row) -> str:
    handler = rows["Topic"][event["topic_id"]]["consumer_id"]
    if handler is None:
        return "No consumer"
    holder = rows.holder_of(event["lane"])
    if holder is not None and holder["status"] != "active":
        return f"un {holder['id']} "
    if rows.workflow["status"] == "paused":
        return "paused"
    if rows.breaker_of(handler):
        return "circuit breaker"
    return "took nothing" if _waits(rows, handler, event["lane"]) else "in line"
