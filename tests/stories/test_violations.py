"""What handlers may not do: each violation fails its run as `logic`, with a message that says what to mend."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from tests.engine.stage import RECEIVED, SHIPPED, code, consumer, mutator, producer
from tests.stories.conftest import Tell
from workflows_app.errors import WorkflowsError
from workflows_app.sdk import (
    EventRecord,
    InputRef,
    MutationCall,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
)

UNKNOWN = "order.lost"
LIMIT = {"json_max_bytes": 20}


def _two_violations(ctx: Any) -> None:
    with suppress(WorkflowsError):
        ctx.publish(UNKNOWN, message_id="1", payload=0)
    with suppress(WorkflowsError):
        ctx.publish(SHIPPED, message_id="", payload=0)


def _caught(ctx: PrepareContext) -> PrepareResult:
    with suppress(WorkflowsError):
        ctx.get(UNKNOWN, ["1"])
    return PrepareResult(ctx.peek(RECEIVED))


PREPARES: dict[str, Callable[[PrepareContext], Any]] = {
    "peeks at an undeclared topic": lambda ctx: ctx.peek(UNKNOWN),
    "peeks at a topic that it publishes to": lambda ctx: ctx.peek(SHIPPED),
    "gets events of an undeclared topic": lambda ctx: ctx.get(UNKNOWN, ["1"]),
    "gets an event by a text": lambda ctx: ctx.get(RECEIVED, "1"),
    "gets events by numbers": lambda ctx: ctx.get(RECEIVED, [1]),  # type: ignore[list-item]
    "gets an event by half a letter": lambda ctx: ctx.get(RECEIVED, ["1\ud800"]),
    "catches what it is told": _caught,
    "peeks at nothing": lambda ctx: ctx.peek(RECEIVED, limit=0),
    "reserves an event twice": lambda ctx: PrepareResult(ctx.peek(RECEIVED) * 2),
    "reserves an event of another topic": lambda ctx: PrepareResult(
        [EventRecord(UNKNOWN, "1", None, id=1)]
    ),
    "reserves an event that it was not offered": lambda ctx: PrepareResult(
        [EventRecord(RECEIVED, "1", 0, id=2**40)]
    ),
    "reserves an event without a list": lambda ctx: PrepareResult(ctx.peek(RECEIVED)[0]),  # type: ignore[arg-type]
    "returns no prepare result": lambda ctx: ctx.peek(RECEIVED)[:0],
    "reserves what is no event": lambda ctx: PrepareResult(["1"]),  # type: ignore[list-item]
    "has a title that is no text": lambda ctx: PrepareResult(title=7),  # type: ignore[arg-type]
    "has a title that is too long": lambda ctx: PrepareResult(title="x" * 301),
    "wakes at no instant": lambda ctx: PrepareResult.nothing(wake_at="soon"),  # type: ignore[arg-type]
    "wakes without a time zone": lambda ctx: PrepareResult.nothing(wake_at=datetime(2100, 1, 1)),
    "has data that is no JSON": lambda ctx: PrepareResult(data={"at": [object]}),
    "has data that is too large": lambda ctx: PrepareResult(data="x" * 19),
}
NEXTS: dict[str, Callable[[NextContext], Any]] = {
    "publishes to an undeclared topic": lambda ctx: ctx.publish(UNKNOWN, message_id="1", payload=0),
    "publishes to a topic that it subscribes to": lambda ctx: ctx.publish(
        RECEIVED, message_id="2", payload=0
    ),
    "publishes without a message id": lambda ctx: ctx.publish(SHIPPED, message_id=" ", payload=0),
    "publishes what is no JSON": lambda ctx: ctx.publish(
        SHIPPED, message_id="1", payload={"sum": float("nan")}
    ),
    "publishes too much": lambda ctx: ctx.publish(SHIPPED, message_id="1", payload="x" * 19),
    "catches what it is told": _two_violations,
    "has a state that is no JSON": lambda ctx: {1: 2},
    "has a state that is too large": lambda ctx: "x" * 19,
}
POLLS: dict[str, Callable[[PollContext], Any]] = {
    "publishes to an undeclared topic": lambda ctx: ctx.publish(UNKNOWN, message_id="1", payload=0),
    "gives an input that it did not register": lambda ctx: ctx.publish(
        RECEIVED,
        message_id="1",
        payload=0,
        input="mail",  # type: ignore[arg-type]
    ),
    "gives an input without an id": lambda ctx: ctx.publish(
        RECEIVED, message_id="1", payload=0, input=InputRef("mail", "order", "")
    ),
    "registers an input without an id": lambda ctx: ctx.register_input(
        source="mail", type="order", id=""
    ),
    "has a state that is no JSON": lambda ctx: ctx,
}
Listed = mutator(lambda params, key: {}, name="listed")
Other = mutator(lambda params, key: {}, name="unlisted")
Rude = mutator(lambda params, key: {}, name="rude", target=lambda self, params: 7)
MUTATES: dict[str, Any] = {
    "calls an undeclared mutator": MutationCall(Other),
    "gives the name of a mutator": MutationCall("listed"),  # type: ignore[arg-type]
    "returns no call": {"mutator": "listed"},
    "has parameters that are no dict": MutationCall(Listed, [1]),  # type: ignore[arg-type]
    "has parameters that are no JSON": MutationCall(Listed, {"sum": {1}}),
    "has parameters that are too large": MutationCall(Listed, {"text": "x" * 10}),
    "has a target that is no text": MutationCall(Rude),
}


def test_what_prepare_may_not_do(tell: Tell) -> None:
    with tell() as story:
        doing: list[Any] = []
        prepare = consumer(lambda ctx, state: PREPARES[doing[-1]](ctx))
        story.begins_with(code(prepare, policy=LIMIT))
        story.publish(RECEIVED, ("1", "a"))
        for what in PREPARES:
            with story.what_if(f"prepare {what}"):
                doing.append(what)
                story.works()


def test_what_mutate_may_not_do(tell: Tell) -> None:
    with tell() as story:
        doing: list[Any] = []
        ship = consumer(mutate=lambda prepared: MUTATES[doing[-1]])
        story.begins_with(code(ship, calls=[Listed, Rude], policy=LIMIT))
        story.publish(RECEIVED, ("1", "a"))
        for what in MUTATES:
            with story.what_if(f"mutate {what}"):
                doing.append(what)
                story.works()


def test_what_next_may_not_do(tell: Tell) -> None:
    with tell() as story:
        doing: list[Any] = []

        def next(ctx: NextContext, prepared: PrepareResult, outcome: Any) -> Any:
            ctx.publish(SHIPPED, message_id="good", payload=0)
            return NEXTS[doing[-1]](ctx)

        called = consumer(next=next, mutate=lambda prepared: MutationCall(Listed))
        story.begins_with(code(called, calls=[Listed], policy=LIMIT))
        story.publish(RECEIVED, ("1", "a"))
        for what in NEXTS:
            with story.what_if(f"next {what}"):
                doing.append(what)
                story.works()


def test_what_poll_may_not_do(tell: Tell) -> None:
    with tell() as story:
        doing: list[Any] = []

        def poll(ctx: PollContext, state: Any) -> Any:
            ctx.register_input(source="mail", type="order", id="7")
            ctx.publish(RECEIVED, message_id="good", payload=0)
            with suppress(WorkflowsError):
                return POLLS[doing[-1]](ctx)

        story.begins_with(code(producer(poll), policy=LIMIT))
        for what in POLLS:
            with story.what_if(f"poll {what}"):
                doing.append(what)
                story.works()
