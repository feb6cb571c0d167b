"""Errors share one base, keep their data, and say it in one whole sentence."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from workflows_app import errors
from workflows_app.errors import WorkflowsError

EXAMPLES: list[tuple[WorkflowsError, dict[str, Any], str]] = [
    (errors.DefinitionError("Flow: wrong."), {}, "Flow: wrong."),
    (errors.SettingsError("WORKFLOWS must be a dict."), {}, "WORKFLOWS must be a dict."),
    (errors.RoleRefused("There is no role 'x'."), {}, "There is no role 'x'."),
    (
        errors.NotJson("payload.lines[3]", "set has no JSON form"),
        {"field": "payload.lines[3]", "problem": "set has no JSON form"},
        "payload.lines[3] is not JSON: set has no JSON form.",
    ),
    (
        errors.TooLarge("payload", 300_000, 262_144),
        {"field": "payload", "size": 300_000, "limit": 262_144},
        "payload takes 300,000 bytes as JSON; at most 262,144 are allowed. Store the bulk elsewhere"
        " and keep a reference, or raise WORKFLOWS['json_max_bytes'].",
    ),
    (
        errors.InvalidName("message_id", "must not be empty"),
        {"field": "message_id"},
        "message_id must not be empty.",
    ),
    (
        errors.UnknownWorkflow("pay"),
        {"slug": "pay"},
        "There is no workflow 'pay' in the database. Check the slug, or deploy it with"
        " `manage.py sync_workflows`.",
    ),
    (
        errors.UnknownTopic("pay", "x", ["a", "b"]),
        {"slug": "pay", "topic": "x", "known": ["a", "b"]},
        "Workflow 'pay' has no topic 'x'. Its topics: a, b.",
    ),
    (
        errors.UnknownTopic("pay", "x", []),
        {"known": []},
        "Workflow 'pay' has no topic 'x'. Its topics: none.",
    ),
    (
        errors.UnknownInput("pay"),
        {},
        "The input given is not a registered input of workflow 'pay'. Register it first and pass"
        " what `register_input` returned.",
    ),
    (
        errors.LaneRefused("Pay", "invoice.received", "42", "it raised KeyError."),
        {"topic": "invoice.received", "message_id": "42"},
        "Pay.lane can't name the lane of event '42' of topic 'invoice.received': it raised KeyError."
        " It must return a text of at most 200 characters.",
    ),
    (
        errors.EventRefused(3, "42", errors.InvalidName("title", "must not be empty")),
        {"index": 3, "message_id": "42"},
        "Event 3, message_id '42': title must not be empty.",
    ),
    (errors.HandlerViolation("Pay: no."), {}, "Pay: no."),
    (
        errors.UndeclaredTopic("Pay", "x", "publish to", ["a", "b"]),
        {"topic": "x"},
        "Pay may not publish to topic 'x': it is not declared. Declared: a, b.",
    ),
    (
        errors.UndeclaredTopic("Pay", "x", "peek at", []),
        {"topic": "x"},
        "Pay may not peek at topic 'x': it is not declared. Declared: none.",
    ),
    (
        errors.UndeclaredMutator("Pay", "mail.send", ["bank.pay"]),
        {"mutator": "mail.send"},
        "Pay called mutator 'mail.send', which its workflow does not list in `mutators`. Listed:"
        " bank.pay.",
    ),
    (
        errors.UndeclaredMutator("Pay", "mail.send", []),
        {},
        "Pay called mutator 'mail.send', which its workflow does not list in `mutators`. Listed:"
        " none.",
    ),
    (
        errors.WrongReturn("Pay.prepare", "a PrepareResult", "x" * 200),
        {},
        f"Pay.prepare must be a PrepareResult, but is str: '{'x' * 99}.",
    ),
    (
        errors.DoubleReservation("Pay", "invoice.received", "42"),
        {},
        "Pay reserved event '42' of topic 'invoice.received' twice.",
    ),
    (
        errors.ForeignReservation("Pay", "invoice.paid"),
        {},
        "Pay reserved an event of topic 'invoice.paid', to which it does not subscribe.",
    ),
    (
        errors.OperationRefused("not_blocked", "Run 1 is not blocked."),
        {"code": "not_blocked"},
        "Run 1 is not blocked.",
    ),
    (
        errors.SyncRefused("lower_version", "pay: no."),
        {"code": "lower_version"},
        "pay: no.",
    ),
]


@pytest.mark.parametrize(
    ("error", "data", "sentence"), EXAMPLES, ids=lambda value: type(value).__name__
)
def test_an_error_keeps_its_data_and_says_it_in_a_sentence(
    error: WorkflowsError, data: dict[str, Any], sentence: str
) -> None:
    assert str(error) == sentence
    assert {name: getattr(error, name) for name in data} == data


def test_every_error_has_an_example_here() -> None:
    declared = {
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if each.__module__ == errors.__name__ and each is not WorkflowsError
    }

    assert declared == {type(error) for error, _, _ in EXAMPLES}
    assert all(issubclass(each, WorkflowsError) for each in declared)


@pytest.mark.parametrize(
    "violation",
    [
        "UndeclaredTopic",
        "UndeclaredMutator",
        "WrongReturn",
        "DoubleReservation",
        "ForeignReservation",
    ],
)
def test_what_a_handler_may_not_do_is_a_violation(violation: str) -> None:
    assert issubclass(getattr(errors, violation), errors.HandlerViolation)
