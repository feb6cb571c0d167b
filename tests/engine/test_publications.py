"""What `next` publishes comes of all that its run reserved (P5), and commits with it (P2)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.engine.stage import (
    RECEIVED,
    SHIPPED,
    Deploy,
    code,
    consumer,
    empty,
    fresh,
    host,
    last_run,
    reasons,
    send,
    status_of,
)
from workflows_app.models import Event
from workflows_app.publishing import register_input
from workflows_app.sdk import MutationOutcome, NextContext, PrepareContext, PrepareResult

pytestmark = pytest.mark.django_db


def _take_all(ctx: PrepareContext, state: Any) -> PrepareResult:
    return PrepareResult(ctx.peek(RECEIVED))


def _publish(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
    ctx.publish(SHIPPED, message_id="x", payload={"events": len(prepared.reservations)})


def _causes(message_id: str, topic: str = SHIPPED) -> list[str]:
    event = Event.objects.get(topic__name=topic, message_id=message_id)
    return sorted(event.inputs.values_list("external_id", flat=True))


def _input(number: str) -> Any:
    return register_input(workflow="ship", source="imap", type="mail", external_id=number)


def test_an_event_inherits_the_inputs_of_all_that_the_run_reserved(deploy: Deploy) -> None:
    deploy(code(consumer(_take_all, next=_publish)))
    send("1", input=_input("7"))
    send("2", input=_input("8"))
    send("3", input=_input("7"))
    send("4")
    host()

    assert _causes("x") == ["4", "7", "8"]
    event = Event.objects.get(message_id="x")
    assert (event.created_by, event.payload) == (last_run(), {"events": 4})
    assert reasons(event) == [("pending", f"published by run {last_run().pk}")]


def test_causes_reach_through_several_consumers(deploy: Deploy) -> None:
    def bill(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        ctx.publish("order.billed", message_id="y", payload=0)

    deploy(
        code(
            consumer(_take_all, next=_publish),
            consumer(
                lambda ctx, state: PrepareResult(ctx.peek(SHIPPED)),
                next=bill,
                name="Bill",
                subscribes=[SHIPPED],
                publishes=["order.billed"],
            ),
        )
    )
    send("1", input=_input("7"))
    host()

    assert _causes("y", "order.billed") == ["7"]
    assert status_of("y", "order.billed") == "pending", "nobody takes it, and it stays visible"


def test_what_comes_of_nothing_has_a_cause_of_its_own(deploy: Deploy) -> None:
    deploy(code(consumer(empty, next=_publish)))
    send("1")
    host()
    cause = Event.objects.get(message_id="x").inputs.get()

    assert (cause.source, cause.type, cause.external_id, cause.title) == ("app", SHIPPED, "x", "x")


def test_publishing_the_same_message_again_updates_it_and_adds_to_its_causes(
    deploy: Deploy,
) -> None:
    def publish_one(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        payload = prepared.reservations[0].payload
        ctx.publish(SHIPPED, message_id="x", payload=payload)

    deploy(code(consumer(next=publish_one)))
    send("1", "first")
    host()
    send("2", "second")
    host()
    event = Event.objects.get(message_id="x")

    assert (event.payload, event.revision) == ("second", 2)
    assert _causes("x") == ["1", "2"]
    assert reasons(event, "payload") == [
        ("first", f"published by run {event.created_by_id}"),
        ("second", f"published again with another payload by run {last_run().pk}"),
    ]


def test_what_another_payload_brings_is_looked_at_by_who_had_left_the_event(deploy: Deploy) -> None:
    def publish_one(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        ctx.publish(SHIPPED, message_id="x", payload=prepared.reservations[0].payload)

    def take_the_second(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(SHIPPED)
        return PrepareResult([one for one in events if one.payload == "second"])

    bill = consumer(take_the_second, name="Bill", subscribes=[SHIPPED], publishes=[])
    deploy(code(consumer(next=publish_one), bill))
    for message_id, payload, status in (("1", "first", "pending"), ("2", "second", "consumed")):
        send(message_id, payload)
        host()
        assert status_of("x", SHIPPED) == status


def test_events_come_before_their_causes_where_the_database_checks_at_once(deploy: Deploy) -> None:
    def publish_two(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        ctx.publish(SHIPPED, message_id="x", payload=1)
        ctx.publish(SHIPPED, message_id=prepared.reservations[0].message_id, payload=1)

    deploy(code(consumer(next=publish_two)))
    send("1")
    host()
    send("2")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    host()

    assert (status_of("2"), _causes("x"), _causes("2")) == ("consumed", ["1", "2"], ["2"])


def test_the_last_of_several_publications_of_one_message_counts(deploy: Deploy) -> None:
    def publish_twice(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        ctx.publish(SHIPPED, message_id="x", payload=1)
        ctx.publish(SHIPPED, message_id="x", payload=2)

    deploy(code(consumer(next=publish_twice)))
    send()
    host()

    assert Event.objects.get(message_id="x").payload == 2


def test_a_payload_is_published_as_it_was_when_it_was_given(deploy: Deploy) -> None:
    def publish_and_change(
        ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome
    ) -> None:
        payload: dict[str, Any] = {"lines": (1, 2)}
        ctx.publish(SHIPPED, message_id="x", payload=payload)
        payload["lines"] = ()

    deploy(code(consumer(next=publish_and_change)))
    send()
    host()

    assert Event.objects.get(message_id="x").payload == {"lines": [1, 2]}


def test_a_consumer_may_publish_into_a_topic_that_it_takes_from(deploy: Deploy) -> None:
    def split(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        (event,) = prepared.reservations
        for part in event.payload:
            ctx.publish(RECEIVED, message_id=f"{event.message_id}.{part}", payload=[])

    deploy(code(consumer(next=split, publishes=[RECEIVED])))
    event = send("1", ["a", "b"])
    host()

    assert [status_of(message_id) for message_id in ("1", "1.a", "1.b")] == ["consumed"] * 3
    assert _causes("1.b", RECEIVED) == ["1"]
    assert fresh(event).payload == ["a", "b"]


def test_publishing_what_is_consumed_already_revives_nothing(deploy: Deploy) -> None:
    def again(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        ctx.publish(RECEIVED, message_id="1", payload="changed")

    deploy(code(consumer(next=again, publishes=[RECEIVED])))
    event = send("1", "a")
    send("2", "b")
    host()

    assert (fresh(event).status, fresh(event).payload) == ("consumed", "a")
    assert (fresh(event).revision, status_of("2")) == (1, "consumed")
    assert sorted(Event.objects.values_list("message_id", flat=True)) == ["1", "2"]
