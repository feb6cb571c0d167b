"""Where inputs and events enter: application code, producers and `next` all publish here (P2, P5).

Publishing needs no lock of the workflow, so a caller's long transaction never holds up the host.
Everything is checked before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from workflows_app import registry
from workflows_app.conf import Policy, policy
from workflows_app.errors import UnknownInput, UnknownTopic, UnknownWorkflow
from workflows_app.models import Event, EventInput, Input, Run, Topic, Workflow
from workflows_app.models.saving import insert, insert_unless_there, save_with_history
from workflows_app.sdk.json_values import identifier, is_same_json, json_value
from workflows_app.sdk.values import InputRef
from workflows_app.waking import wake

_IDENTITY = ("topic", "message_id")
#: The `source` of inputs that the host registers for events without one.
APPLICATION = "app"


def publish(
    *,
    workflow: str | Workflow,
    topic: str,
    message_id: str,
    payload: Any,
    input: Input | InputRef | None = None,
) -> Event:
    """Publish an event in the caller's transaction: it commits or vanishes with the caller's data.

    Publishing a `message_id` again updates the payload of a pending event and adds to its causes;
    it never changes a status, nor touches a reserved, consumed or skipped event. Without `input`
    the host registers one (source `app`). Returns the event as it is now. Raises UnknownWorkflow,
    UnknownTopic, UnknownInput, InvalidName, NotJson and TooLarge; then nothing was written.
    """
    found = _workflow(workflow)
    stream = _topic(found, topic)
    message_id = identifier(message_id, field="message_id")
    payload = json_value(payload, field="payload", limit_bytes=_policy(found).json_max_bytes)
    cause = _cause(found, input) or own_input(topic, message_id)
    with transaction.atomic(savepoint=False):
        if isinstance(cause, InputRef):
            cause = store_input(found, cause)
        event = store_event(stream, message_id, payload, inputs=[cause])
        wake(found.pk)
    return event


def register_input(
    *, workflow: str | Workflow, source: str, type: str, external_id: str, title: str = ""
) -> Input:
    """Record the outside thing that starts something, in the caller's transaction.

    The same identity gives the same input. Raises UnknownWorkflow and InvalidName.
    """
    found = _workflow(workflow)
    ref = input_ref(source=source, type=type, id=external_id, title=title)
    with transaction.atomic(savepoint=False):
        return store_input(found, ref)


def input_ref(*, source: str, type: str, id: str, title: str = "") -> InputRef:
    """Return a checked identity of an input. Raises InvalidName."""
    return InputRef(
        source=identifier(source, field="input source", max_length=100),
        type=identifier(type, field="input type", max_length=100),
        external_id=identifier(id, field="input id"),
        title=identifier(title, field="input title", max_length=300) if title else "",
    )


def checked_ref(ref: InputRef) -> InputRef:
    """Return `ref`, which an author may have made by hand, as checked. Raises InvalidName."""
    return input_ref(source=ref.source, type=ref.type, id=ref.external_id, title=ref.title)


def own_input(topic: str, message_id: str) -> InputRef:
    """Return the identity of the input that the host registers for an event without one."""
    return InputRef(APPLICATION, topic, message_id, message_id)


def store_input(workflow: Workflow, ref: InputRef) -> Input:
    """Return the input of this identity, made if new. Needs an open transaction."""
    found, _ = Input.objects.get_or_create(
        workflow=workflow,
        source=ref.source,
        type=ref.type,
        external_id=ref.external_id,
        defaults={"title": ref.title},
    )
    return found


def store_event(
    topic: Topic,
    message_id: str,
    payload: Any,
    *,
    inputs: Iterable[Input],
    created_by: Run | None = None,
) -> Event:
    """Insert or update an event of checked values. Needs an open transaction."""
    event = Event(topic=topic, message_id=message_id, payload=payload, created_by=created_by)
    is_new = insert_unless_there(event, identity=_IDENTITY, **_why(created_by, "published"))
    if is_new:
        _announce(topic)
    else:
        event = Event.objects.get(topic=topic, message_id=message_id)
        event = _update_pending(event, payload, created_by)
    for cause in inputs:
        insert(EventInput(event=event, input=cause), unless_there=True)
    return event


def _update_pending(event: Event, payload: Any, run: Run | None) -> Event:
    if event.status != Event.Status.PENDING or is_same_json(event.payload, payload):
        return event
    with transaction.atomic():
        event = Event.objects.select_for_update(no_key=True).get(pk=event.pk)
        if event.status != Event.Status.PENDING:
            # A run has taken it. Its lock must not stay with a caller who may take long to commit.
            transaction.set_rollback(True)
            return event
        event.payload = payload
        event.revision += 1
        why = _why(run, "published again with another payload")
        save_with_history(event, fields=["payload", "revision"], **why)
    _announce(event.topic)
    return event


def _why(run: Run | None, what: str) -> dict[str, Any]:
    if run is None:
        return {"reason": f"{what} by the application", "by_request": True}
    return {"reason": f"{what} by run {run.pk}"}


def _announce(topic: Topic) -> None:
    """Leave an arrival, one a topic and transaction.

    Also in a topic without a consumer: a deploy may give it one before this transaction commits.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO workflows_app_arrival (topic_id, transaction)"
            " SELECT %(topic)s, pg_current_xact_id()::text WHERE NOT EXISTS ("
            " SELECT FROM workflows_app_arrival WHERE topic_id = %(topic)s"
            " AND transaction = pg_current_xact_id()::text)",
            {"topic": topic.pk},
        )


def _cause(workflow: Workflow, input: object) -> Input | InputRef | None:
    """Return the given cause of an event, checked. Raises UnknownInput and InvalidName."""
    if isinstance(input, InputRef):
        return checked_ref(input)
    if input is None:
        return None
    if isinstance(input, Input) and input.pk and input.workflow_id == workflow.pk:
        return input
    raise UnknownInput(workflow.slug)


def _workflow(workflow: str | Workflow) -> Workflow:
    if isinstance(workflow, Workflow):
        return workflow
    try:
        return Workflow.objects.get(slug=workflow)
    except Workflow.DoesNotExist:
        raise UnknownWorkflow(str(workflow)) from None


def _policy(workflow: Workflow) -> Policy:
    code = registry.get(workflow.slug)
    return code.policy_for() if code else policy()


def _topic(workflow: Workflow, name: str) -> Topic:
    try:
        return Topic.objects.get(workflow=workflow, name=name)
    except Topic.DoesNotExist:
        known = Topic.objects.filter(workflow=workflow).values_list("name", flat=True)
        raise UnknownTopic(workflow.slug, str(name), list(known)) from None
