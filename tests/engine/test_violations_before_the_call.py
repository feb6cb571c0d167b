"""What `prepare` and `mutate` may not do: it fails the run as `logic`, and nothing is sent (P2, P4)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest

from tests.engine.stage import (
    RECEIVED,
    SHIPPED,
    Deploy,
    assert_failed_as_logic,
    code,
    consumer,
    last_run,
    send,
    status_of,
)
from workflows_app.errors import WorkflowsError
from workflows_app.sdk import (
    EventRecord,
    MutationCall,
    Mutator,
    PrepareContext,
    PrepareResult,
)
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db

UNKNOWN = "order.lost"
LIMIT = {"json_max_bytes": 20}


def _twice(ctx: PrepareContext) -> PrepareResult:
    return PrepareResult(ctx.peek(RECEIVED) * 2)


PREPARES: dict[str, tuple[Callable[[PrepareContext], Any], str, str]] = {
    "an undeclared topic in peek": (
        lambda ctx: ctx.peek(UNKNOWN),
        "UndeclaredTopic",
        "Ship may not peek at topic 'order.lost': it is not declared. Declared: order.received.",
    ),
    "a topic it only publishes to": (
        lambda ctx: ctx.peek(SHIPPED),
        "UndeclaredTopic",
        "Ship may not peek at topic 'order.shipped': it is not declared. Declared: order.received.",
    ),
    "an undeclared topic in get": (
        lambda ctx: ctx.get(UNKNOWN, ["1"]),
        "UndeclaredTopic",
        "Ship may not get events of topic 'order.lost': it is not declared. Declared:"
        " order.received.",
    ),
    "a look at nothing": (
        lambda ctx: ctx.peek(RECEIVED, limit=0),
        "HandlerViolation",
        "peek needs a limit of 1 or more, not 0.",
    ),
    "a double reservation": (
        _twice,
        "DoubleReservation",
        "Ship reserved event '1' of topic 'order.received' twice.",
    ),
    "a foreign reservation": (
        lambda ctx: PrepareResult([EventRecord(UNKNOWN, "1", None, id=1)]),
        "ForeignReservation",
        "Ship reserved an event of topic 'order.lost', to which it does not subscribe.",
    ),
    "an event it was not offered": (
        lambda ctx: PrepareResult([EventRecord(RECEIVED, "1", 0, id=2**40)]),
        "WrongReturn",
        "Ship.prepare: reservations must be events from ctx.peek or ctx.get, but is EventRecord:"
        " EventRecord(topic='order.received', message_id='1', payload=0, id=1099511627776,"
        " revision=1).",
    ),
    "no prepare result": (
        lambda ctx: ctx.peek(RECEIVED)[:0],
        "WrongReturn",
        "Ship.prepare must be a PrepareResult, but is list: [].",
    ),
    "a reservation that is no event": (
        lambda ctx: PrepareResult(["1"]),  # type: ignore[list-item]
        "WrongReturn",
        "Ship.prepare: reservations must be events from ctx.peek or ctx.get, but is str: '1'.",
    ),
    "a title that is no text": (
        lambda ctx: PrepareResult(title=7),  # type: ignore[arg-type]
        "WrongReturn",
        "Ship.prepare: title must be text, but is int: 7.",
    ),
    "a title that is too long": (
        lambda ctx: PrepareResult(title="x" * 301),
        "HandlerViolation",
        "Ship.prepare: the title has over 300 characters.",
    ),
    "a wake_at that is no instant": (
        lambda ctx: PrepareResult.nothing(wake_at="soon"),  # type: ignore[arg-type]
        "WrongReturn",
        "Ship.prepare: wake_at must be a datetime, but is str: 'soon'.",
    ),
    "a wake_at without a time zone": (
        lambda ctx: PrepareResult.nothing(wake_at=datetime(2100, 1, 1)),
        "HandlerViolation",
        "Ship.prepare: wake_at must have a time zone.",
    ),
    "data that is not JSON": (
        lambda ctx: PrepareResult(data={"at": [object]}),
        "NotJson",
        "data.at[0] is not JSON: type has no JSON form.",
    ),
    "data that is too large": (
        lambda ctx: PrepareResult(data="x" * 19),
        "TooLarge",
        "data takes 21 bytes as JSON; at most 20 are allowed. Store the bulk elsewhere and keep a"
        " reference, or raise WORKFLOWS['json_max_bytes'].",
    ),
}


@pytest.mark.parametrize("what", PREPARES)
def test_prepare_fails_the_run(deploy: Deploy, what: str) -> None:
    prepare, error, message = PREPARES[what]
    deploy(code(consumer(lambda ctx, state: prepare(ctx)), policy=LIMIT))
    send()
    assert_failed_as_logic("preparing", message, f"workflows_app.errors.{error}")
    assert status_of("1") == "pending"
    assert not last_run().reservations.exists()


Listed = scripted("applied", name="listed")
Other = scripted("applied", name="unlisted")


class _Rude(Mutator):
    name = "rude"

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        raise AssertionError("nothing must be sent")

    def target(self, params: Any) -> Any:
        return 7


MUTATES: dict[str, tuple[Any, str, str]] = {
    "an undeclared mutator": (
        MutationCall(Other),
        "UndeclaredMutator",
        "Ship called mutator 'unlisted', which its workflow does not list in `mutators`. Listed:"
        " listed, rude.",
    ),
    "no call": (
        {"mutator": Listed},
        "WrongReturn",
        "Ship.mutate: its answer must be a MutationCall or None, but is dict: {'mutator': <class"
        " 'workflows_app.testing.Scripted'>}.",
    ),
    "parameters that are no dict": (
        MutationCall(Listed, [1]),  # type: ignore[arg-type]
        "WrongReturn",
        "Ship.mutate: params must be a dict, but is list: [1].",
    ),
    "parameters that are not JSON": (
        MutationCall(Listed, {"sum": {1}}),
        "NotJson",
        "params.sum is not JSON: set has no JSON form.",
    ),
    "parameters that are too large": (
        MutationCall(Listed, {"text": "x" * 10}),
        "TooLarge",
        "params takes 21 bytes as JSON; at most 20 are allowed. Store the bulk elsewhere and keep a"
        " reference, or raise WORKFLOWS['json_max_bytes'].",
    ),
    "a target that is no text": (
        MutationCall(_Rude),
        "WrongReturn",
        "rude.target must be text, but is int: 7.",
    ),
}


@pytest.mark.parametrize("what", MUTATES)
def test_mutate_fails_the_run_and_nothing_is_sent(deploy: Deploy, what: str) -> None:
    answer, error, message = MUTATES[what]
    handler = consumer(mutate=lambda prepared: answer)
    deploy(code(handler, calls=[Listed, _Rude], policy=LIMIT))
    send()
    assert_failed_as_logic("prepared", message, f"workflows_app.errors.{error}")
    assert status_of("1") == "pending"
    assert not Listed.calls
    assert not Other.calls


def test_a_violation_caught_in_prepare_fails_the_run_all_the_same(deploy: Deploy) -> None:
    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        with suppress(WorkflowsError):
            ctx.get(UNKNOWN, ["1"])
        return PrepareResult(ctx.peek(RECEIVED))

    deploy(code(consumer(prepare)))
    send()
    assert_failed_as_logic(
        "preparing",
        PREPARES["an undeclared topic in get"][2],
        "workflows_app.errors.UndeclaredTopic",
    )
