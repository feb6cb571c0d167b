"""Publishing to one topic: each event is checked first, and then those that are right are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.errors import (
    EventRefused,
    InvalidName,
    RetiredWorkflow,
    UnknownInput,
    UnknownTopic,
    UnknownWorkflow,
    WorkflowsError,
)
from workflows_app.models import Event, Input, Topic, Workflow
from workflows_app.publishing.entries import Entry, Outcome, active_code
from workflows_app.publishing.identities import checked_ref, own_input
from workflows_app.publishing.storing import store
from workflows_app.sdk.json_values import identifier, measured_json, require_text
from workflows_app.sdk.lanes import lane_of
from workflows_app.sdk.values import InputRef
from workflows_app.sdk.workflow import Workflow as WorkflowCode
from workflows_app.waking import wake

_NO_EVENT = "it must be a pair of message_id and payload, or a mapping with both"


@dataclass(frozen=True)
class TopicWriter:
    """A topic of a workflow, and what its events are checked by."""

    workflow: Workflow
    topic: Topic
    code: type[WorkflowCode] | None
    limit_bytes: int

    @classmethod
    def of(cls, workflow: str | Workflow, topic: str) -> TopicWriter:
        """Return the writer of a topic. Raises UnknownWorkflow, RetiredWorkflow and UnknownTopic."""
        found = workflow_of(workflow)
        if found.retired_at is not None:
            raise RetiredWorkflow(found.slug)
        code = registry.get(found.slug)
        rules = code.policy_for() if code else policy()
        return cls(found, _topic(found, topic), active_code(found), rules.json_max_bytes)

    def checked(self, message_id: Any, payload: Any, input: object = None) -> Entry:
        """Return the event as it can be written.

        Raises UnknownInput, InvalidName, NotJson, TooLarge and LaneRefused.
        """
        topic = self.topic.name
        name = identifier(message_id, field="message_id")
        value, size = measured_json(payload, field="payload", limit_bytes=self.limit_bytes)
        lane = lane_of(self.code, topic, name, value)
        cause = self.checked_input(input) or own_input(topic, name)
        return Entry(self.topic, name, value, lane, cause, size)

    def each_checked(
        self,
        events: Iterable[tuple[str, Any] | Mapping[str, Any]],
        input: Input | InputRef | None,
    ) -> Iterator[Entry]:
        """Check one after the other, as they are taken; `input` is that of those without. Raises EventRefused."""
        for index, event in enumerate(events):
            message_id: Any = None
            try:
                message_id, payload, own = _parts(event)
                entry = self.checked(message_id, payload, input if own is None else own)
            except WorkflowsError as error:
                raise EventRefused(index, message_id, error) from error
            yield entry

    def checked_input(self, input: object) -> Input | InputRef | None:
        """Return the given cause of an event, if any. Raises UnknownInput and InvalidName."""
        if isinstance(input, InputRef):
            return checked_ref(input)
        if input is None:
            return None
        if isinstance(input, Input) and input.pk and input.workflow_id == self.workflow.pk:
            return input
        raise UnknownInput(self.workflow.slug)

    def write(self, entries: Sequence[Entry]) -> list[tuple[Event, Outcome]]:
        """Write one chunk of checked events, and wake the host. Needs an open transaction."""
        stored = store(self.workflow, entries)
        wake(self.workflow.pk)
        return stored


class NoEvent(WorkflowsError):
    """What was given to be published has no message_id and payload."""


def _parts(event: object) -> tuple[Any, Any, Any]:
    """Return message_id, payload and input of what a caller gave."""
    if isinstance(event, Mapping):
        for key in ("message_id", "payload"):
            if key not in event:
                raise NoEvent(f"it has no '{key}'.")
        return event["message_id"], event["payload"], event.get("input")
    if isinstance(event, tuple | list) and len(event) == 2:
        return event[0], event[1], None
    raise NoEvent(f"{_NO_EVENT}, not {type(event).__name__}.")


def workflow_of(workflow: str | Workflow) -> Workflow:
    """Return the workflow, given by its slug or as its row. Raises UnknownWorkflow and InvalidName."""
    if isinstance(workflow, Workflow):
        return workflow
    slug = getattr(workflow, "slug", None)
    if isinstance(slug, str):
        raise InvalidName("workflow", f"must be a slug, as '{slug}', not {workflow!r:.200}")
    require_text(workflow, field="workflow")
    try:
        return Workflow.objects.select_related("active_version").get(slug=workflow)
    except Workflow.DoesNotExist:
        raise UnknownWorkflow(str(workflow)) from None


def _topic(workflow: Workflow, name: str) -> Topic:
    require_text(name, field="topic")
    try:
        return Topic.objects.get(workflow=workflow, name=name)
    except Topic.DoesNotExist:
        known = Topic.objects.filter(workflow=workflow).values_list("name", flat=True)
        raise UnknownTopic(workflow.slug, str(name), list(known)) from None
