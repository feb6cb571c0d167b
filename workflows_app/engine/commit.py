"""The end of a run that did what it should: published events, state, events consumed (P2, P5).

The commit may be lost in a crash of the database: `next` is replayed with the same outcome.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from workflows_app.conf import Policy
from workflows_app.engine import prepared as prepare_results
from workflows_app.engine.case import Case
from workflows_app.engine.lanes import Note
from workflows_app.engine.log import log
from workflows_app.engine.phases import Finished, Polled
from workflows_app.models import Event, Mutation, Run
from workflows_app.models.collecting import flush
from workflows_app.models.saving import save_with_history
from workflows_app.sdk.json_values import copied
from workflows_app.sdk.values import MutationOutcome


def outcome_of(run: Run) -> MutationOutcome:
    """Return what `next` is told. May read the evidence of a rejection."""
    mutation = run.settled_mutation
    if mutation is None:
        return MutationOutcome("none")
    if mutation.status == Mutation.Status.APPLIED:
        return MutationOutcome("applied", copied(mutation.result))
    if mutation.status == Mutation.Status.FAILED:
        # It may have been said in this very turn.
        flush()
        said_no = mutation.evidence.filter(verdict="not_applied").order_by("-pk").first()
        return MutationOutcome("rejected", reason=said_no.detail if said_no else "")
    assert mutation.status == Mutation.Status.SKIPPED, "only a settled outcome goes to next"
    return MutationOutcome("skipped")


def commit_finished(case: Case, what: Finished) -> None:
    """Consume the events of the run, keep its handler's state, and end it. Needs the lock.

    What it publishes is written by whoever calls this.
    """
    run, is_empty = case.run, not what.result.reservations
    if is_empty:
        # Nothing was written of it before.
        run.title = what.result.title
        run.prepare_result = prepare_results.to_json(what.result)
    for event in case.events:
        event.consume()
        save_with_history(
            event, reason=f"consumed by run {run.pk}", fields=["status", "reserved_by"]
        )
    wake_at = _clamped(what.result.wake_at, case.now, case.policy) if is_empty else None
    seen = case.lane_view().arrivals if is_empty else None
    case.changes.notes.append(Note(run.handler_id, run.lane, what.state, wake_at, seen))
    _end(case, *(["title", "prepare_result"] if is_empty else []))


def commit_polled(case: Case, what: Polled) -> None:
    """Keep the producer's state and when it is due again, and end its run. Needs the lock."""
    run = case.run
    note = Note(run.handler_id, run.lane, what.state, what.next_poll_at, None)
    case.changes.notes.append(note)
    if not case.holding.is_current:
        _leave_lanes_to_new_code(case, what)
    _end(case)


def _leave_lanes_to_new_code(case: Case, what: Polled) -> None:
    """Deployed meanwhile: what the old code said of lanes does not count, as in `naming` and `publications`.

    What others are changing is theirs to name.
    """
    messages: dict[str, list[str]] = {}
    for item in what.publications:
        messages.setdefault(item.topic, []).append(item.message_id)
    for topic, ids in messages.items():
        pending = case.holding.topics[topic].events.filter(
            message_id__in=ids, status=Event.Status.PENDING, lane__isnull=False
        )
        for event in pending.select_for_update(no_key=True, skip_locked=True).order_by("pk"):
            assert event.lane is not None, "those without one are left out"
            case.changes.touched.add((case.run.workflow_id, event.lane))
            event.lane = None
            save_with_history(event, reason="another version names its lane", fields=["lane"])


def _end(case: Case, *changed: str) -> None:
    run = case.run
    run.set_emitting()
    run.set_committed()
    run.commit()
    run.ended_at = case.now
    save_with_history(run, reason="committed", fields=["phase", "status", "ended_at", *changed])
    case.touch()
    log("run.committed", run)


def _clamped(wake_at: datetime | None, now: datetime, policy: Policy) -> datetime | None:
    if wake_at is None:
        return None
    earliest = now + timedelta(seconds=policy.wake_min_seconds)
    latest = now + timedelta(seconds=policy.wake_max_seconds)
    return min(max(wake_at, earliest), latest)
