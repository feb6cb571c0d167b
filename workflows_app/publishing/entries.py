"""What is to be published, checked, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workflows_app import registry
from workflows_app.models import Event, Input, Topic, Workflow
from workflows_app.sdk.values import InputRef
from workflows_app.sdk.workflow import Workflow as WorkflowCode

#: `new`: there was none. `updated`: it was pending, and has taken another payload. `unchanged`: it is
#: pending with the same payload. `too_late`: it is reserved, consumed or skipped, and stays as it is.
Outcome = Literal["new", "updated", "unchanged", "too_late"]


@dataclass(frozen=True)
class Entry:
    """An event to be published, of checked values."""

    topic: Topic
    message_id: str
    payload: Any
    #: None: the code that publishes it has no consumer of the topic.
    lane: str | None
    cause: Input | InputRef
    #: Of the payload as a text, in bytes.
    size: int

    @property
    def key(self) -> tuple[int, str]:
        """Return what it is unique by."""
        return self.topic.pk, self.message_id


@dataclass(frozen=True)
class Published:
    """What became of one publication, and the id of its event."""

    message_id: str
    outcome: Outcome
    event_id: int

    @classmethod
    def of(cls, event: Event, outcome: Outcome) -> Published:
        return cls(event.message_id, outcome, event.pk)


def active_code(workflow: Workflow) -> type[WorkflowCode] | None:
    """Return the workflow's code if this process has that of the active version."""
    code = registry.get(workflow.slug)
    active = workflow.active_version
    is_active = code is not None and active is not None and active.pair == code.version_pair()
    return code if is_active else None
