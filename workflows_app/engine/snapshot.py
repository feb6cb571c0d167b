"""Reading what the planner needs, under the workflow's row lock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import (
    BooleanField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)

from workflows_app.engine.planner import (
    ConsumerView,
    OpenRun,
    OwedRetry,
    ProducerView,
    Snapshot,
)
from workflows_app.engine.retry import only_next_is_missing
from workflows_app.models import Arrival, Event, Handler, Run, Workflow
from workflows_app.models.reading import Compiled
from workflows_app.sdk.workflow import Workflow as WorkflowCode

_BEGUN = (Run.Phase.MUTATING, Run.Phase.MUTATED, Run.Phase.EMITTING)

_UNFINISHED = Compiled(
    lambda workflow: (
        Run.objects.filter(workflow=workflow)
        .filter(Q(status__in=Run.OPEN) | Q(owes_retry=True))
        .select_related("handler", "mutation", "carried_mutation")
        .order_by("owes_retry")
    )
)


def _look(workflow: int) -> QuerySet[Handler]:
    """Return each handler, once for each topic it takes from, with what is new there."""
    topic = OuterRef("topics__pk")
    # Topic by topic: the first row of a partial index.
    pending = Event.objects.filter(topic=topic, status=Event.Status.PENDING)
    oldest = pending.order_by(Event.IN_ORDER)
    runs = Run.objects.filter(workflow=OuterRef("workflow"))
    # Each by an index that has no other runs.
    is_open = Exists(runs.filter(status__in=Run.OPEN))
    owes_retry = Exists(runs.filter(owes_retry=True))
    return (
        Handler.objects.filter(workflow=workflow)
        .annotate(
            topic_id=F("topics__pk"),
            has_arrival=Exists(Arrival.objects.filter(topic=topic)),
            oldest_pending=Subquery(oldest.values("pk")[:1]),
            has_unfinished=ExpressionWrapper(is_open | owes_retry, BooleanField()),
        )
        .order_by("pk")
    )


#: What `take_snapshot` needs the rows of.
LOOK = Compiled(_look)


def take_snapshot(
    workflow: Workflow, rows: list[Any], code: type[WorkflowCode], *, token: int, now: datetime
) -> Snapshot:
    """Return the state of the locked `workflow` as the claim `token` sees it at `now`.

    `rows`: those of LOOK for the workflow, read under its lock.
    """
    is_paused = workflow.status == Workflow.Status.PAUSED
    has_unfinished = not rows or rows[0].has_unfinished
    run = _UNFINISHED.first(workflow.pk) if has_unfinished else None
    if run is not None and run.status in Run.OPEN:
        return Snapshot(now, is_paused, open_run=_open_run(run, token))
    if run is not None:
        return Snapshot(now, is_paused, owed=_owed(run, code))
    if is_paused:
        return Snapshot(now, is_paused)
    rows_of: dict[int, list[Any]] = {}
    for row in rows:
        if code.handler_named(row.name) is not None:
            rows_of.setdefault(row.pk, []).append(row)
    handlers = {pk: of_handler[0] for pk, of_handler in rows_of.items()}
    return Snapshot(
        now,
        is_paused,
        consumers=tuple(
            _consumer(handler, rows_of[pk])
            for pk, handler in handlers.items()
            if handler.kind == Handler.Kind.CONSUMER
        ),
        producers=tuple(
            ProducerView(pk, handler.wake_at)
            for pk, handler in handlers.items()
            if handler.kind == Handler.Kind.PRODUCER
        ),
        handlers=handlers,
    )


def _consumer(handler: Handler, rows: list[Any]) -> ConsumerView:
    oldest = [row.oldest_pending for row in rows if row.oldest_pending is not None]
    return ConsumerView(
        handler_id=handler.pk,
        oldest_pending=min(oldest, default=None),
        awaits_event=handler.awaits_event,
        has_arrival=any(row.has_arrival for row in rows),
        wake_at=handler.wake_at,
    )


def _open_run(run: Run, token: int) -> OpenRun:
    mutation = run.settled_mutation
    return OpenRun(
        id=run.pk,
        status=run.status,
        is_orphaned=run.fencing_token is not None and run.fencing_token != token,
        has_begun_outside=run.phase in _BEGUN,
        reconcile_at=mutation.next_reconcile_at if mutation else None,
    )


def _owed(run: Run, code: type[WorkflowCode]) -> OwedRetry:
    return OwedRetry(
        run_id=run.pk,
        due_at=run.retry_due_at,
        only_next_is_missing=only_next_is_missing(run),
        has_handler=code.handler_named(run.handler.name) is not None,
    )
