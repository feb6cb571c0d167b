"""Registering what started it: one row per identity, never changed, with the caller's data (P5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.unit.declarations import producer, workflow
from workflows_app.errors import InvalidName, UnknownWorkflow
from workflows_app.models import Event, Input, Run, Workflow
from workflows_app.publishing import register_input
from workflows_app.sdk import InputRef
from workflows_app.testing import drain, registered

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def flow() -> Iterator[Workflow]:
    with registered(workflow(), workflow(slug="other")):
        yield Workflow.objects.get(slug="flow")


def register(**given: Any) -> Input:
    identity = {"workflow": "flow", "source": "erp", "type": "invoice", "external_id": "42"}
    return register_input(**identity | given)


def test_an_input_is_kept_as_given(flow: Workflow) -> None:
    register(title="Invoice 42 from ACME")

    row = Input.objects.get()
    assert (row.workflow, row.source, row.type, row.external_id, row.title) == (
        flow,
        "erp",
        "invoice",
        "42",
        "Invoice 42 from ACME",
    )
    assert (str(row), str(register(external_id="43"))) == (row.title, "erp invoice 43")


def test_the_same_identity_gives_the_same_row_with_its_first_title(flow: Workflow) -> None:
    first = register(title="First")

    assert register(title="Second", workflow=flow) == first
    assert Input.objects.get().title == "First"


@pytest.mark.parametrize(
    "other", [{"workflow": "other"}, {"source": "mail"}, {"type": "letter"}, {"external_id": "43"}]
)
def test_another_identity_gives_another_row(other: dict[str, str]) -> None:
    assert register(**other) != register()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"source": ""}, "input source must not be empty."),
        ({"source": "x" * 101}, "input source has 101 characters; at most 100 are allowed."),
        ({"type": None}, "input type must be text, not NoneType."),
        ({"type": "x" * 101}, "input type has 101 characters; at most 100 are allowed."),
        ({"external_id": 42}, "input id must be text, not int."),
        ({"external_id": "x" * 201}, "input id has 201 characters; at most 200 are allowed."),
        ({"title": "x" * 301}, "input title has 301 characters; at most 300 are allowed."),
        ({"title": " "}, "input title must not be empty."),
        ({"title": "a\x00"}, "input title is no valid text: it contains a NUL character."),
    ],
)
def test_a_wrong_part_is_named_and_nothing_is_written(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidName) as refused:
        register(**wrong)

    assert str(refused.value) == message
    assert not Input.objects.exists()


def test_an_unknown_workflow_is_named() -> None:
    with pytest.raises(UnknownWorkflow, match=r"^There is no workflow 'flaw' in the database\."):
        register(workflow="flaw")


def test_what_the_caller_rolls_back_was_never_registered() -> None:
    with transaction.atomic():
        register()
        transaction.set_rollback(True)

    assert not Input.objects.exists()


def test_a_producer_that_makes_up_a_wrong_identity_fails_its_run() -> None:
    """As `logic`, with the reason; it must not come as far as the database."""

    def poll(self: Any, ctx: Any, state: Any) -> None:
        ctx.publish("in", message_id="1", payload={}, input=InputRef("x" * 101, "invoice", "42"))

    with registered(workflow(slug="third", producers=[producer(poll=poll)], consumers=[])):
        drain("third")

    run = Run.objects.get()
    assert (run.status, run.failure_kind, run.failure_message) == (
        "failed",
        "logic",
        "input source has 101 characters; at most 100 are allowed.",
    )
    assert not Event.objects.exists()
    assert not Input.objects.exists()
