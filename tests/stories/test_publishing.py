"""Publishing: what becomes of each publication, what an event came of, and what another one changes."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, RETURNED, SHIPPED, order, paying, producer, shipping
from workflows_app.models import Workflow
from workflows_app.operations import skip_event
from workflows_app.publishing import publish, publish_many
from workflows_app.sdk import InputRef, NextContext, PollContext, PrepareResult


def test_publishing_again_in_each_state(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False, can_ask=False))
        story.outside("carrier.ship").plays("applied", "no answer", "rejected")
        story.publish(RECEIVED, *((lane, order(lane)) for lane in "abcd"))
        story.press("olga", skip_event, f"{RECEIVED}/d", "not wanted")
        story.works()
        story.publish(RECEIVED, ("e", order("e")))
        for lane in "abcde":
            letter = story.registers(f"about {lane}", f"Letter about {lane}")
            story.publish(RECEIVED, (lane, order(lane)), (lane, order("z", 9)), input=letter)
        story.works()


def test_publishing_many_at_once(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False), paying(story))
        letter = story.registers("L-1", "Three orders")
        same = story.registers("L-1", "Another title")
        other = InputRef("post", "letter", "L-2", "By hand")
        story.publish(RECEIVED, ("1", order("a")))
        story.publish_together(
            RECEIVED,
            [
                ("1", order("a")),
                ("2", order("b")),
                ("2", order("b", 2)),
                ("2", order("b", 2)),
                ("1", order("c")),
                ("1", order("a")),
            ],
            input=letter,
        )
        assert same == letter
        story.publish(RECEIVED, ("3", order("a")), input=other)
        story.publish(RECEIVED, ("4", order("a")), input=InputRef("post", "letter", "L-2", "So"))
        with story.step(
            "The application publishes two that came of one new letter, told in two ways."
        ):
            letters = [InputRef("post", "letter", "L-3", title) for title in ("First", "Second")]
            events = [
                {"message_id": f"7{letter.title}", "payload": order("a"), "input": letter}
                for letter in letters
            ]
            publish_many(workflow="ship", topic=RECEIVED, events=events)
        bad: list[Any] = [
            [("5", order("a")), ("", order("a"))],
            [("5", order("a")), ("6", {"kilos": float("inf")})],
            [("5", order("a")), {"message_id": "6"}],
            [("5", order("a")), ("6", order("producer:x"))],
            [("5", order("a")), "6"],
        ]
        for events in bad:
            story.publish_together(RECEIVED, events)
        story.works()


def test_publications_that_are_refused(tell: Tell) -> None:
    with tell() as story:
        rules = {"json_max_bytes": 40}
        story.begins_with(shipping(story, tells=False, policy=rules), paying(story))
        foreign = story.registers("L-1", slug="pay")
        story.publish(RECEIVED, ("1", order("a")), slug="nobody")
        story.publish("order.lost", ("1", order("a")))
        story.publish(RECEIVED, ("", order("a")), ("x" * 201, order("a")), ("1", order("a" * 40)))
        story.publish(RECEIVED, ("1", order("producer:a")), ("1", order(" ")))
        story.publish(RECEIVED, ("1", order("a")), input=foreign)
        story.trouble("Ship.lane", ValueError("no such lane"))
        story.publish(RECEIVED, ("1", order("a")))
        story.works()


def test_events_whose_lane_nobody_names(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story))
        story.deploy(shipping(story, "1.1", tells=False), accept_orphans=True)
        story.publish(RETURNED, ("1", {"why": "broken"}))
        story.deploy(shipping(story, "1.2"))
        story.works()


def test_a_consumer_publishes_again(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story))
        story.outside("carrier.ship").plays("rejected")

        def again(ctx: NextContext) -> None:
            ctx.publish(SHIPPED, message_id="there", payload={"to": "new"})
            ctx.publish(SHIPPED, message_id="same", payload={"to": "z"})
            ctx.publish(SHIPPED, message_id="new", payload=1)
            ctx.publish(SHIPPED, message_id="new", payload=2)

        story.trouble("Ship.next", again)
        story.trouble("Tell.prepare", ValueError("not now"))
        story.publish(SHIPPED, ("there", {"to": "z"}), ("same", {"to": "z"}))
        one, two = story.registers("L-1"), story.registers("L-2")
        story.publish(RECEIVED, ("1", order("a", 0)), input=one)
        story.publish(RECEIVED, ("2", order("a", 0)), input=two)
        story.publish(RECEIVED, ("2", order("a", 0)), input=one)
        story.works()


def test_what_a_consumer_publishes_that_took_nothing(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))

        def publish_two(ctx: NextContext) -> None:
            for number in "78":
                ctx.publish(SHIPPED, message_id=number, payload={"to": "z"})

        story.trouble("Ship.prepare", PrepareResult.nothing())
        story.trouble("Ship.next", publish_two)
        story.publish(RECEIVED, ("1", order("a")))
        story.works()


def test_a_consumer_gives_an_event_another_lane(tell: Tell) -> None:
    with tell() as story:
        reads = [producer(story, "ReadMail", RECEIVED)]
        story.begins_with(shipping(story, tells=False, producers=reads))
        story.outside("carrier.ship").plays("rejected", "rejected")
        story.publish(RECEIVED, ("1", order("a")))
        story.works()

        def again(ctx: PollContext) -> None:
            letter = ctx.register_input(source="post", type="letter", id="7", title="Seven")
            ctx.register_input(source="post", type="letter", id="8")
            ctx.publish(RECEIVED, message_id="1", payload=order("b"), input=letter)
            ctx.publish(RECEIVED, message_id="2", payload=order("c"))

        story.trouble("ReadMail.poll", again)
        story.works(after=300)


def test_a_consumer_gives_what_it_publishes_again_another_lane(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, can_ask=False))
        story.outside("carrier.ship").plays("no answer")
        story.publish(RECEIVED, ("1", order("a")), ("0", order("z", 0)))
        story.works()
        story.publish(RECEIVED, ("2", order("a")), ("3", order("a")))
        story.publish(RETURNED, ("9", {"why": "broken"}))

        def again(ctx: NextContext) -> None:
            ctx.publish(RECEIVED, message_id="0", payload=order("b"))
            ctx.publish(RECEIVED, message_id="1", payload=order("b"))
            ctx.publish(RECEIVED, message_id="2", payload=order("b"))
            ctx.publish(RECEIVED, message_id="3", payload=order("a", 4))
            ctx.publish(RECEIVED, message_id="4", payload=order("c"))

        story.trouble("Tell.next", again)
        story.works()


def test_events_that_change_while_they_are_prepared(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))

        def publish_again() -> None:
            story.note("meanwhile 1 is published again")
            publish(workflow="ship", topic=RECEIVED, message_id="1", payload=order("a", 8))

        def skip() -> None:
            story.note("meanwhile 2 is skipped")
            from workflows_app.models import Event

            event = Event.objects.get(message_id="2")
            skip_event(event, actor=story.people["olga"], reason="not wanted")

        story.publish(RECEIVED, ("1", order("a")), ("2", order("a")), ("3", order("b")))
        story.trouble("Ship.prepare", publish_again, skip)
        story.works()


def test_publications_that_are_undone(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False), paying(story))
        with story.step("The application publishes, undoes it, and publishes something else."):
            with transaction.atomic():
                publish(workflow="ship", topic=RECEIVED, message_id="1", payload=order("a"))
                transaction.set_rollback(True)
            with transaction.atomic():
                publish(workflow="ship", topic=RECEIVED, message_id="2", payload=order("a"))
                with transaction.atomic():
                    workflow = Workflow.objects.get(slug="pay")
                    publish(workflow=workflow, topic="invoice.received", message_id="7", payload=1)
                    transaction.set_rollback(True)
        story.works()
