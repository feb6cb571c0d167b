"""The values that handlers and the host hand each other: immutable, and equal by what they mean."""

from __future__ import annotations

import copy
import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from workflows_app.sdk import (
    EventRecord,
    InputRef,
    MutationCall,
    MutationOutcome,
    Mutator,
    NotApplied,
    PrepareResult,
    Reconciliation,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVENT = EventRecord("invoice.received", "42", {"amount": 1}, id=7, revision=2)


@pytest.mark.parametrize(
    "value",
    [
        EVENT,
        InputRef("erp", "invoice", "42"),
        PrepareResult([EVENT]),
        MutationCall(Mutator),
        MutationOutcome("none"),
        Reconciliation.not_applied(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_can_not_be_changed(value: Any) -> None:
    name = dataclasses.fields(value)[0].name

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)


def test_events_are_equal_by_topic_message_id_and_payload() -> None:
    same = EventRecord("invoice.received", "42", {"amount": 1})

    assert same == EVENT
    assert (same.id, same.revision) == (0, 1)
    assert dataclasses.replace(EVENT, payload={"amount": 2}) != EVENT
    assert dataclasses.replace(EVENT, message_id="43") != EVENT


def test_inputs_are_equal_whatever_their_titles() -> None:
    assert InputRef("erp", "invoice", "42", "A") == InputRef("erp", "invoice", "42", "B")
    assert InputRef("erp", "invoice", "42") != InputRef("erp", "invoice", "43")


def test_a_prepare_result_takes_any_iterable_of_events() -> None:
    result = PrepareResult((event for event in [EVENT]), {"a": 1}, "Pay 42", NOON)

    assert result.reservations == (EVENT,)
    assert result == PrepareResult([EVENT], data={"a": 1}, title="Pay 42", wake_at=NOON)
    assert copy.deepcopy(result) == result


def test_not_applied_is_final_unless_it_says_otherwise() -> None:
    refused = NotApplied("no such account")
    busy = NotApplied("busy", retryable=True)

    assert (refused.reason, refused.retryable, str(refused)) == (
        "no such account", False, "no such account",
    )  # fmt: skip
    assert (busy.reason, busy.retryable) == ("busy", True)
    assert (NotApplied().reason, str(NotApplied())) == ("", "")
    assert NotApplied(ValueError("x")).reason == "x"  # type: ignore[arg-type]  # as authors do
