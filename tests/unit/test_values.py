"""The values that handlers and the host hand each other: immutable, and equal by what they mean."""

from __future__ import annotations

import copy
import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from workflows_app.sdk import (
    Consumer,
    EventRecord,
    InputRef,
    MutationCall,
    MutationOutcome,
    Mutator,
    NotApplied,
    PrepareResult,
    Producer,
    Reconciliation,
    TransientError,
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


def test_nothing_reserves_nothing_and_may_carry_a_wake_up() -> None:
    assert PrepareResult.nothing() == PrepareResult((), None, "", None)
    assert PrepareResult.nothing(wake_at=NOON) == PrepareResult(wake_at=NOON)


def test_a_call_has_no_parameters_unless_given() -> None:
    assert MutationCall(Mutator).params == {}


@pytest.mark.parametrize(
    ("made", "meant"),
    [
        (Reconciliation.applied(), ("applied", None, "")),
        (Reconciliation.applied({"id": 1}), ("applied", {"id": 1}, "")),
        (Reconciliation.not_applied(), ("not_applied", None, "")),
        (Reconciliation.not_applied("gone"), ("not_applied", None, "gone")),
        (Reconciliation.retry("down"), ("retry", None, "down")),
    ],
)
def test_a_reconciliation_says_one_of_three(
    made: Reconciliation, meant: tuple[str, Any, str]
) -> None:
    assert (made.verdict, made.result, made.why) == meant


def test_not_applied_is_final_unless_it_says_otherwise() -> None:
    refused = NotApplied("no such account")
    busy = NotApplied("busy", retryable=True)

    assert (refused.reason, refused.retryable, str(refused)) == (
        "no such account", False, "no such account",
    )  # fmt: skip
    assert (busy.reason, busy.retryable) == ("busy", True)
    assert (NotApplied().reason, str(NotApplied())) == ("", "")
    assert NotApplied(ValueError("x")).reason == "x"  # type: ignore[arg-type]  # as authors do


def test_neither_failure_is_taken_for_the_other() -> None:
    assert not issubclass(NotApplied, TransientError)
    assert not issubclass(TransientError, NotApplied)


@pytest.mark.parametrize(
    ("part", "method", "message"),
    [
        (Producer, "poll", "Producer must implement poll()."),
        (Consumer, "prepare", "Consumer must implement prepare()."),
    ],
)
def test_a_handler_says_what_it_must_implement(part: Any, method: str, message: str) -> None:
    with pytest.raises(NotImplementedError) as missing:
        getattr(part(), method)(None, None)

    assert str(missing.value) == message


def test_a_mutator_that_only_executes_has_sensible_answers_for_the_rest() -> None:
    mutator = Mutator()

    assert (mutator.target({}), mutator.verification_steps({}), mutator.can_reconcile()) == (
        "", "", False,
    )  # fmt: skip
    with pytest.raises(NotImplementedError, match=r"^Mutator must implement execute\(\)\.$"):
        mutator.execute({}, idempotency_key="k")


def test_a_consumer_calls_nothing_and_keeps_its_state_unless_it_says_otherwise() -> None:
    class Context:
        state = {"seen": 1}

    result = PrepareResult.nothing()
    consumer = Consumer()

    assert consumer.mutate(result) is None
    assert consumer.next(Context(), result, MutationOutcome("none")) == {"seen": 1}  # type: ignore[arg-type]
