"""The third phase: `next` in memory, then the commit (P2, P5).

The commit may be lost in a crash of the database: `next` is replayed with the same outcome.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from workflows_app.boundaries import Boundary, reached
from workflows_app.conf import Policy
from workflows_app.engine import retry
from workflows_app.engine.claims import held_from_first_write, still_held
from workflows_app.engine.contexts import NextView, Publication
from workflows_app.engine.log import log
from workflows_app.engine.work import Work
from workflows_app.models import Event, Handler, Input, Mutation, Run, Topic
from workflows_app.models.reading import Compiled, Query
from workflows_app.models.saving import flush, save_with_history, update
from workflows_app.publishing import own_input, store_event, store_input
from workflows_app.sdk.handlers import Consumer
from workflows_app.sdk.json_values import copied, is_same_json, json_value
from workflows_app.sdk.values import MutationOutcome, PrepareResult

_HELD = Compiled(
    lambda run: Event.objects.select_for_update(no_key=True).filter(reserved_by=run).order_by("pk")
)
_INHERITED = Compiled(
    lambda run: Input.objects.filter(events__reservations__run=run).distinct().order_by("pk")
)
_TOPICS = Compiled(lambda workflow: Topic.objects.filter(workflow=workflow).order_by())


def outcome_of(run: Run) -> MutationOutcome:
    """Return what `next` is told."""
    mutation = run.settled_mutation
    if mutation is None:
        return MutationOutcome("none")
    if mutation.status == Mutation.Status.APPLIED:
        return MutationOutcome("applied", copied(mutation.result))
    assert mutation.status == Mutation.Status.SKIPPED, "only a settled outcome goes to next"
    return MutationOutcome("skipped")


def run_next(work: Work, prepared: PrepareResult) -> None:
    """Run `next` and commit the run, or end the attempt as failed. Commits; raises Fenced."""
    run = work.run
    consumer = work.handler_code
    assert issubclass(consumer, Consumer)
    view = NextView(consumer, work.policy, work.clock(), copied(run.handler.state))
    try:
        run.set_emitting()
        state = consumer().next(view, prepared.copied(), outcome_of(run))
        view.raise_violation()
        state = json_value(state, field="state", limit_bytes=work.policy.json_max_bytes)
    except Exception as error:
        retry.fail(work, retry.kind_of(error), error, phase=run.phase)
        return
    _commit(work, prepared, state, view.publications)


def _commit(
    work: Work, prepared: PrepareResult, state: Any, publications: list[Publication]
) -> None:
    run = work.run
    now = work.clock()
    queries: list[Query] = []
    if publications:
        queries += [(_INHERITED, (run.pk,)), (_TOPICS, (run.workflow_id,))]
    if work.reserved is None:
        queries.append((_HELD, (run.pk,)))
    with held_from_first_write(work.claim, still_held(work.claim, may_be_lost=True)):
        rows = flush(*queries) if queries else []
        if publications:
            publish_all(run, publications, *rows[:2])
        # What the run reserved under this claim, nobody else can have changed.
        for event in rows[-1] if work.reserved is None else work.reserved:
            event.consume()
            save_with_history(
                event, reason=f"consumed by run {run.pk}", fields=["status", "reserved_by"]
            )
        is_empty = not prepared.reservations
        wake_at = _clamped(prepared.wake_at, now, work.policy) if is_empty else None
        _update_handler(run.handler, state, awaits_event=is_empty, wake_at=wake_at)
        commit_run(work, now)
    reached(Boundary.COMMITTED)


def _update_handler(
    handler: Handler, state: Any, *, awaits_event: bool, wake_at: datetime | None
) -> None:
    """Write what has changed. Needs `held`."""
    fields = []
    if not is_same_json(handler.state, state):
        handler.state = state
        fields.append("state")
    if (handler.awaits_event, handler.wake_at) != (awaits_event, wake_at):
        handler.awaits_event, handler.wake_at = awaits_event, wake_at
        fields += ["awaits_event", "wake_at"]
    if fields:
        update(handler, fields)


def publish_all(
    run: Run, publications: list[Publication], inherited: list[Input], known: list[Topic]
) -> None:
    """Publish what `next` wants published. Needs `held`.

    An event inherits the inputs of all that the run reserved; of nothing, it has one of its own.
    """
    topics = {topic.name: topic for topic in known}
    for item in publications:
        inputs = inherited or [
            store_input(run.workflow, own_input(item.topic, item.message_id)),
        ]
        store_event(
            topics[item.topic], item.message_id, item.payload, inputs=inputs, created_by=run
        )


def commit_run(work: Work, now: datetime) -> None:
    """End the run as committed, and begin what is next. Needs the claim's transaction."""
    run = work.run
    run.set_committed()
    run.commit()
    run.ended_at = now
    save_with_history(run, reason="committed")
    log("run.committed", run)
    work.before_commit()


def _clamped(wake_at: datetime | None, now: datetime, policy: Policy) -> datetime | None:
    if wake_at is None:
        return None
    earliest = now + timedelta(seconds=policy.wake_min_seconds)
    latest = now + timedelta(seconds=policy.wake_max_seconds)
    return min(max(wake_at, earliest), latest)
