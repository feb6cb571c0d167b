"""What publishing refuses: with a whole sentence, and before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.unit.declarations import consumer, producer, workflow
from workflows_app import errors
from workflows_app.models import Arrival, Event, EventInput, Input, Workflow
from workflows_app.publishing import publish, register_input
from workflows_app.sdk import InputRef
from workflows_app.testing import registered

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def flow() -> Iterator[Workflow]:
    """A workflow with a consumer of topic `in`, and topic `out` that nobody takes."""
    code = workflow(
        producers=[producer(publishes=["in", "out"])],
        consumers=[consumer()],
        policy={"json_max_bytes": 1000},
    )
    with registered(code, workflow(slug="other")):
        yield Workflow.objects.get(slug="flow")


def send(message_id: Any = "42", payload: Any = None, **given: Any) -> Event:
    arguments = {"workflow": "flow", "topic": "in", "message_id": message_id, "payload": payload}
    return publish(**arguments | given)


def written() -> tuple[int, ...]:
    return tuple(
        model._default_manager.count()
        for model in (Event, Event.history.model, EventInput, Input, Arrival)
    )


LONG = "x" * 301
REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "an unknown workflow": (
        {"workflow": "flaw"},
        errors.UnknownWorkflow,
        "There is no workflow 'flaw' in the database. Check the slug, or deploy it with"
        " `manage.py sync_workflows`.",
    ),
    "a workflow's class": (
        {"workflow": workflow(slug="pay")},
        errors.InvalidName,
        "workflow must be a slug, as 'pay', not <class 'tests.unit.declarations.Flow'>.",
    ),
    "an unknown topic": (
        {"topic": "inn"},
        errors.UnknownTopic,
        "Workflow 'flow' has no topic 'inn'. Its topics: in, out.",
    ),
    "a workflow with a NUL": (
        {"workflow": "fl\0w"},
        errors.InvalidName,
        "workflow is no valid text: it contains a NUL character.",
    ),
    "a topic with half a letter": (
        {"topic": "in\ud800"},
        errors.InvalidName,
        "topic is no valid text: it contains half of a surrogate pair.",
    ),
    "no topic": (
        {"topic": None},
        errors.UnknownTopic,
        "Workflow 'flow' has no topic 'None'. Its topics: in, out.",
    ),
    "no message id": (
        {"message_id": ""},
        errors.InvalidName,
        "message_id must not be empty.",
    ),
    "a number as message id": (
        {"message_id": 42},
        errors.InvalidName,
        "message_id must be text, not int.",
    ),
    "a payload that is not JSON": (
        {"payload": {"lines": [{1}]}},
        errors.NotJson,
        "payload.lines[0] is not JSON: set has no JSON form.",
    ),
    "a payload over the limit of the workflow": (
        {"payload": "x" * 999},
        errors.TooLarge,
        "payload takes 1,001 bytes as JSON; at most 1,000 are allowed. Store the bulk elsewhere and"
        " keep a reference, or raise json_max_bytes, in WORKFLOWS or in the `policy` that overrides it.",
    ),
    "an input of no kind": (
        {"input": "42"},
        errors.UnknownInput,
        "The input given is not a registered input of workflow 'flow'. Register it first and pass"
        " what `register_input` returned.",
    ),
    "an input that was never registered": (
        {"input": Input(source="erp", type="invoice", external_id="7")},
        errors.UnknownInput,
        "The input given is not a registered input of workflow 'flow'. Register it first and pass"
        " what `register_input` returned.",
    ),
    "an identity with a part too long": (
        {"input": InputRef("x" * 101, "invoice", "7")},
        errors.InvalidName,
        "input source has 101 characters; at most 100 are allowed.",
    ),
    "an identity with a part that is no text": (
        {"input": InputRef("erp", "invoice", 7)},  # type: ignore[arg-type]  # as callers may
        errors.InvalidName,
        "input id must be text, not int.",
    ),
    "an identity with a title too long": (
        {"input": InputRef("erp", "invoice", "7", LONG)},
        errors.InvalidName,
        "input title has 301 characters; at most 300 are allowed.",
    ),
}  # fmt: skip


def test_what_is_refused_writes_nothing(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    before = written()

    for fault, (arguments, error, message) in REFUSED.items():
        with django_capture_on_commit_callbacks() as callbacks, pytest.raises(error) as refused:
            send(**arguments)

        assert str(refused.value) == message
        assert written() == before, fault
        assert callbacks == []


def test_an_input_of_another_workflow_is_refused() -> None:
    foreign = register_input(workflow="other", source="erp", type="invoice", external_id="7")
    before = written()

    with pytest.raises(errors.UnknownInput):
        send(input=foreign)

    assert written() == before
