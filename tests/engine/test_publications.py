"""What `next` publishes comes of all that its run reserved (P5), and commits with it (P2)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.engine.stage import SHIPPED, Deploy, code, consumer, host, send, status_of
from workflows_app.models import Event
from workflows_app.sdk import MutationOutcome, NextContext, PrepareContext, PrepareResult

pytestmark = pytest.mark.django_db


def _causes(message_id: str, topic: str = SHIPPED) -> list[str]:
    event = Event.objects.get(topic__name=topic, message_id=message_id)
    return sorted(event.inputs.values_list("external_id", flat=True))


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
