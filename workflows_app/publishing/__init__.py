"""Where inputs and events enter: application code, producers and `next` all publish here (P2, P5).

Publishing needs no lock of the workflow, so a caller's long transaction never holds up the host.
Everything is checked before it is written. However many events are published, they take one way:
`writing` checks them, `storing` writes them chunk by chunk, with as many statements for 1,000 as for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from workflows_app.models import Event, Input, Run, Topic, Workflow
from workflows_app.publishing.chunks import chunks_of
from workflows_app.publishing.entries import Entry, Outcome, Published, active_code
from workflows_app.publishing.identities import checked_ref, input_ref, own_input
from workflows_app.publishing.inputs import store_inputs
from workflows_app.publishing.storing import store
from workflows_app.publishing.writing import TopicWriter, workflow_of
from workflows_app.sdk.json_values import size_of_json
from workflows_app.sdk.values import InputRef

__all__ = [
    "Entry",
    "Outcome",
    "Published",
    "TopicWriter",
    "active_code",
    "checked_ref",
    "input_ref",
    "own_input",
    "publish",
    "publish_many",
    "register_input",
    "store_all",
]


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
    the host registers one (source `app`). Returns the event as it is now; its `outcome` tells what
    became of this publication: `new`, `updated`, `unchanged` or `too_late`. Raises UnknownWorkflow, RetiredWorkflow,
    UnknownTopic, UnknownInput, InvalidName, NotJson, TooLarge and LaneRefused; then nothing was written.
    """
    writer = TopicWriter.of(workflow, topic)
    entry = writer.checked(message_id, payload, input)
    with transaction.atomic(savepoint=False):
        ((event, outcome),) = writer.write([entry])
    event.outcome = outcome
    return event


def publish_many(
    *,
    workflow: str | Workflow,
    topic: str,
    events: Iterable[tuple[str, Any] | Mapping[str, Any]],
    input: Input | InputRef | None = None,
) -> list[Published]:
    """Publish many events of one topic in the caller's transaction, each as `publish` does.

    `events` are pairs of message_id and payload, or mappings with `message_id`, `payload` and, if it
    has one, its own `input`; `input` is that of the others. They are taken chunk by chunk, so an
    iterator needs no more memory than a chunk. Returns what became of each, in the order given. The
    same `message_id` may come again: it is then `updated` or `unchanged`, as if published one after
    the other, and the last payload stays. Raises UnknownWorkflow, RetiredWorkflow, UnknownTopic and
    UnknownInput, and EventRefused, which names the event and what is wrong with it; then nothing was written.
    """
    writer = TopicWriter.of(workflow, topic)
    default = writer.checked_input(input)
    published: list[Published] = []
    with transaction.atomic():
        for chunk in chunks_of(writer.each_checked(events, default)):
            published += [Published.of(*stored) for stored in writer.write(chunk)]
    return published


def register_input(
    *, workflow: str | Workflow, source: str, type: str, external_id: str, title: str = ""
) -> Input:
    """Record the outside thing that starts something, in the caller's transaction.

    The same identity gives the same input. Raises UnknownWorkflow and InvalidName.
    """
    found = workflow_of(workflow)
    ref = input_ref(source=source, type=type, id=external_id, title=title)
    with transaction.atomic(savepoint=False):
        return store_inputs(found, [ref])[ref]


def store_all(
    workflow: Workflow,
    inputs: Iterable[InputRef],
    publications: Iterable[Any],
    *,
    created_by: Run | None = None,
) -> None:
    """Register `inputs`, and store `publications` of checked values. Needs an open transaction."""
    for refs in chunks_of(inputs):
        store_inputs(workflow, refs)
    topics = {topic.name: topic for topic in Topic.objects.filter(workflow=workflow)}
    entries = (
        Entry(
            topics[item.topic],
            item.message_id,
            item.payload,
            item.lane,
            item.input or own_input(item.topic, item.message_id),
            size_of_json(item.payload),
        )
        for item in publications
    )
    for chunk in chunks_of(entries):
        store(workflow, chunk, created_by=created_by)
