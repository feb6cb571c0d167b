"""The identity of an input, checked."""

from __future__ import annotations

from workflows_app.sdk.json_values import identifier
from workflows_app.sdk.values import InputRef

#: The `source` of inputs that the host registers for events without one.
APPLICATION = "app"


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
