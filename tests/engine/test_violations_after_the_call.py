"""What `next` and `poll` may not do: it fails the run as `logic`, and nothing of it is published (P2, P4)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tests.engine.stage import (
    RECEIVED,
    SHIPPED,
    Deploy,
    assert_failed_as_logic,
    code,
    consumer,
    host,
    last_run,
    producer,
    row,
    send,
    status_of,
)
from workflows_app.errors import WorkflowsError
from workflows_app.models import Event
from workflows_app.sdk import (
    InputRef,
    MutationOutcome,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
)

pytestmark = pytest.mark.django_db

UNKNOWN = "order.lost"
LIMIT = {"json_max_bytes": 20}

NEXTS: dict[str, tuple[Callable[[NextContext], Any], str, str]] = {
    "an undeclared topic": (
        lambda ctx: ctx.publish(UNKNOWN, message_id="1", payload=0),
        "UndeclaredTopic",
        "Ship may not publish to topic 'order.lost': it is not declared. Declared: order.shipped.",
    ),
    "a topic it only subscribes to": (
        lambda ctx: ctx.publish(RECEIVED, message_id="2", payload=0),
        "UndeclaredTopic",
        "Ship may not publish to topic 'order.received': it is not declared. Declared:"
        " order.shipped.",
    ),
    "an empty message id": (
        lambda ctx: ctx.publish(SHIPPED, message_id=" ", payload=0),
        "InvalidName",
        "message_id must not be empty.",
    ),
    "a payload that is not JSON": (
        lambda ctx: ctx.publish(SHIPPED, message_id="1", payload={"sum": float("nan")}),
        "NotJson",
        "payload.sum is not JSON: nan is not a JSON number.",
    ),
    "a payload that is too large": (
        lambda ctx: ctx.publish(SHIPPED, message_id="1", payload="x" * 19),
        "TooLarge",
        "payload takes 21 bytes as JSON; at most 20 are allowed. Store the bulk elsewhere and keep a"
        " reference, or raise WORKFLOWS['json_max_bytes'].",
    ),
    "a state that is not JSON": (
        lambda ctx: {1: 2},
        "NotJson",
        "state is not JSON: its key 1 is not a string.",
    ),
    "a state that is too large": (
        lambda ctx: "x" * 19,
        "TooLarge",
        "state takes 21 bytes as JSON; at most 20 are allowed. Store the bulk elsewhere and keep a"
        " reference, or raise WORKFLOWS['json_max_bytes'].",
    ),
}


@pytest.mark.parametrize("what", NEXTS)
def test_next_fails_the_run_and_publishes_nothing(deploy: Deploy, what: str) -> None:
    act, error, message = NEXTS[what]

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        ctx.publish(SHIPPED, message_id="good", payload=0)
        return act(ctx)

    deploy(code(consumer(next=next), policy=LIMIT))
    send()
    assert_failed_as_logic("emitting", message, f"workflows_app.errors.{error}")
    assert status_of("1") == "pending", "nothing was done outside"
    assert Event.objects.count() == 1
    assert row().handlers.get().state is None


POLLS: dict[str, tuple[Callable[[PollContext], Any], str, str]] = {
    "an undeclared topic": (
        lambda ctx: ctx.publish(UNKNOWN, message_id="1", payload=0),
        "UndeclaredTopic",
        "Import may not publish to topic 'order.lost': it is not declared. Declared:"
        " order.received.",
    ),
    "an input it did not register": (
        lambda ctx: ctx.publish(RECEIVED, message_id="1", payload=0, input="mail"),  # type: ignore[arg-type]
        "WrongReturn",
        "Import.poll: the input of publish must be what register_input returned, but is str:"
        " 'mail'.",
    ),
    "an input made by hand, without an id": (
        lambda ctx: ctx.publish(
            RECEIVED, message_id="1", payload=0, input=InputRef("mail", "order", "")
        ),
        "InvalidName",
        "input id must not be empty.",
    ),
    "an input without an id": (
        lambda ctx: ctx.register_input(source="mail", type="order", id=""),
        "InvalidName",
        "input id must not be empty.",
    ),
    "a state that is not JSON": (
        lambda ctx: ctx,
        "NotJson",
        "state is not JSON: PollView has no JSON form.",
    ),
}


@pytest.mark.parametrize("what", POLLS)
def test_poll_fails_the_run_and_publishes_nothing(deploy: Deploy, what: str) -> None:
    act, error, message = POLLS[what]

    def poll(ctx: PollContext, state: Any) -> Any:
        ctx.register_input(source="mail", type="order", id="7")
        ctx.publish(RECEIVED, message_id="good", payload=0)
        # Whoever catches it does not get away with it.
        with suppress(WorkflowsError):
            return act(ctx)

    deploy(code(producer(poll), policy=LIMIT))
    host()
    run = last_run()
    assert (run.status, run.failure_kind, run.failure_phase) == ("failed", "logic", "preparing")
    assert run.failure_message == message
    assert run.failure_traceback.rstrip().endswith(f"workflows_app.errors.{error}: {message}")
    assert not Event.objects.exists()
    assert not row().inputs.exists()


def test_a_violation_that_the_handler_catches_fails_the_run_all_the_same(deploy: Deploy) -> None:
    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        with suppress(WorkflowsError):
            ctx.publish(UNKNOWN, message_id="1", payload=0)
        with suppress(WorkflowsError):
            ctx.publish(SHIPPED, message_id="", payload=0)

    deploy(code(consumer(next=next)))
    send()
    assert_failed_as_logic(
        "emitting", NEXTS["an undeclared topic"][2], "workflows_app.errors.UndeclaredTopic"
    )


def test_the_context_of_a_phase_offers_only_what_the_phase_may_do(deploy: Deploy) -> None:
    offered: dict[str, list[str]] = {}

    def names(ctx: object) -> list[str]:
        return sorted(name for name in dir(ctx) if not name.startswith("_"))

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        offered["prepare"] = names(ctx)
        return PrepareResult(ctx.peek(RECEIVED))

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        offered["next"] = names(ctx)

    def poll(ctx: PollContext, state: Any) -> None:
        offered["poll"] = names(ctx)

    deploy(code(consumer(prepare, next=next), producer(poll)))
    send()
    host()

    assert not {"publish", "state", "register_input"} & set(offered["prepare"])
    assert not {"peek", "get", "register_input"} & set(offered["next"])
    assert not {"peek", "get", "state"} & set(offered["poll"])
