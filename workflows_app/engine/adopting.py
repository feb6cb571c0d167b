"""What the rows of a workflow take over from the code of a version that becomes active (P6).

Handlers and topics are those of the code; what waits has another look. Needs the workflow's lock.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection

from workflows_app.engine.lanes import refresh_now
from workflows_app.engine.retry import only_next_is_missing, owe_nothing
from workflows_app.errors import SyncRefused, WrongReturn
from workflows_app.models import Arrival, Handler, LaneState, Topic, Workflow
from workflows_app.models.saving import save_with_history
from workflows_app.sdk.handlers import Handler as HandlerCode
from workflows_app.sdk.handlers import Producer
from workflows_app.sdk.schedules import first_due
from workflows_app.sdk.workflow import Workflow as WorkflowCode
from workflows_app.secrets import struck_out


def sync_handlers(code: type[WorkflowCode], workflow: Workflow, now: datetime) -> None:
    """Let handlers and topics be those of `code`. Needs the workflow's lock: nobody else makes any.

    Raises SyncRefused if a schedule of an author's own can't say when it is due.
    """
    handlers = {handler.name: handler for handler in workflow.handlers.all()}
    names = []
    for handler_code in code.handlers():
        name = handler_code.handler_name()
        handler = handlers.setdefault(name, Handler(workflow=workflow, name=name))
        handler.is_current = True
        handler.kind = kind_of(handler_code)
        handler.save()
        names.append(name)
        state, _ = LaneState.objects.get_or_create(handler=handler, lane=handler.own_lane)
        if issubclass(handler_code, Producer):
            first = _first_due(code, handler_code, now)
            state.wake_at = min(state.wake_at or first, first)
            state.save(update_fields=["wake_at"])
    workflow.handlers.exclude(name__in=names).update(is_current=False)
    topics = {topic.name: topic for topic in workflow.topics.all()}
    for name in code.topics():
        consumer = code.consumer_of(name)
        topic = topics.get(name, Topic(workflow=workflow, name=name))
        topic.consumer = handlers[consumer.handler_name()] if consumer else None
        topic.save()
    workflow.topics.exclude(name__in=code.topics()).update(consumer=None)
    # A new handler's lane may be held by a run of another one.
    refresh_now(*((workflow.pk, handler.own_lane) for handler in handlers.values()))
    Arrival.objects.filter(topic__workflow=workflow, topic__consumer=None).delete()


def _first_due(code: type[WorkflowCode], producer: type[Producer], now: datetime) -> datetime:
    try:
        return first_due(code.schedule_of(producer), now)
    except Exception as error:
        why = str(error) if isinstance(error, WrongReturn) else f"{type(error).__name__}: {error}"
        raise SyncRefused(
            "schedule_refused",
            f"{code.slug} {code.version}: the schedule of '{producer.handler_name()}' fails. {struck_out(why)}",
        ) from error


def forget_code(workflow: Workflow) -> None:
    """Let no handler and no topic be those of any code: it is gone. `sync_handlers` undoes that. Needs the workflow's lock."""
    workflow.handlers.update(is_current=False)
    workflow.topics.update(consumer=None)
    Arrival.objects.filter(topic__workflow=workflow).delete()


def kind_of(code: type[HandlerCode]) -> str:
    """Return the kind of the handler's row."""
    kind = Handler.Kind.PRODUCER if issubclass(code, Producer) else Handler.Kind.CONSUMER
    return kind.value


def let_all_look(workflow: Workflow) -> None:
    """New code may want what the old code left: let each consumer look once in each of its lanes.

    As an arrival in each lane with pending events; a run of old code that finds nothing meanwhile
    does not undo it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO workflows_app_arrival (topic_id, lane, transaction)"
            " SELECT DISTINCT topic.id, event.lane, pg_current_xact_id()::text"
            "   FROM workflows_app_topic topic JOIN workflows_app_event event"
            "     ON event.topic_id = topic.id AND event.status = 'pending'"
            "  WHERE topic.workflow_id = %s AND topic.consumer_id IS NOT NULL"
            # What has no lane yet is new in the one that the host names.
            "    AND event.lane IS NOT NULL",
            [workflow.pk],
        )


def drop_owed_retries_without_handler(
    code: type[WorkflowCode], workflow: Workflow, *, reason: str, actor: User | None
) -> None:
    """A retry that nobody can make must not hold the workflow. Its events are pending, and seen.

    If only `next` is missing, its events are held: that waits for a version with the handler.
    """
    for run in workflow.runs.filter(owes_retry=True).select_related("handler"):
        if code.handler_named(run.handler.name) is None and not only_next_is_missing(run):
            owe_nothing(run, reason=reason, actor=actor)
            refresh_now((workflow.pk, run.lane))


def make_owed_retries_due(
    workflow: Workflow, *, reason: str, actor: User | None, now: datetime
) -> None:
    """New code is reason to try again what waits for a reason, and not for a date."""
    for run in workflow.runs.filter(owes_retry=True, retry_due_at__isnull=True):
        run.retry_due_at = now
        save_with_history(run, reason=reason, actor=actor, fields=["retry_due_at"])
