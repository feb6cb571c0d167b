"""What a consumer waits for, which lane is next, and who holds a workflow meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, RETURNED, SHIPPED, order, paying, shipping
from tests.stories.words import BEGINNING
from workflows_app.models import Run
from workflows_app.operations import pause_workflow, resume_workflow, skip_event
from workflows_app.sdk import PrepareContext, PrepareResult, TransientError


def _nothing(seconds: float, **more: object) -> PrepareResult:
    at = BEGINNING + timedelta(seconds=seconds)
    return PrepareResult(wake_at=at, **more)  # type: ignore[arg-type]


def test_a_consumer_that_takes_nothing(tell: Tell) -> None:
    with tell() as story:
        rules = {"wake_min_seconds": 30, "wake_max_seconds": 3600}
        story.begins_with(shipping(story, tells=False, policy=rules))
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b")))
        story.trouble("Ship.prepare", _nothing(1), _nothing(9_000_000, title="Wait", data={"a": 1}))
        story.works()
        story.trouble("Ship.prepare", PrepareResult.nothing())
        story.works(after=29)
        story.works(after=1)
        story.works(after=1000)
        story.publish(RECEIVED, ("3", order("a")))
        story.trouble("Ship.prepare", PrepareResult.nothing(), PrepareResult(data={"b": 2}))
        story.works()
        story.publish(RECEIVED, ("3", order("a", 2)))
        story.works()
        story.works(after=3600)


def test_a_consumer_that_its_clock_wakes_when_there_is_no_event(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        story.publish(RECEIVED, ("1", order("a")))
        story.trouble("Ship.prepare", _nothing(30))
        story.works()
        story.press("olga", skip_event, f"{RECEIVED}/1", "not wanted")
        story.trouble("Ship.prepare", PrepareResult(data={"b": 2}))
        story.works(after=30)
        story.works(after=3600)


def test_a_consumer_that_takes_events_waits_for_no_clock(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))

        def take_and_wait(ctx: PrepareContext) -> PrepareResult:
            events = ctx.peek(RECEIVED, limit=1)
            at = ctx.now + timedelta(seconds=60)
            return PrepareResult(events, {"orders": ["1"], "kilos": 1}, "Ship 1", wake_at=at)

        story.trouble("Ship.prepare", take_and_wait)
        story.publish(RECEIVED, ("1", order("a")))
        story.works()
        story.works(after=60)


def test_three_lanes_and_two_topics_one_after_the_other(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, policy={"lanes_at_once": 1}), paying(story))
        story.publish(RECEIVED, ("1", order("c")), ("2", order("a")), ("3", order("b")))
        story.publish(SHIPPED, ("8", {"to": "z"}))
        story.publish(RETURNED, ("9", {"why": "broken"}))
        story.publish(RECEIVED, ("4", order("c")), ("5", order("c")))
        story.works()


def test_a_lane_that_is_held_holds_no_other(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, can_ask=False), paying(story))
        story.outside("carrier.ship").plays("no answer", "busy", "rejected", "applied")
        story.outside("post.tell").plays("no answer")
        story.publish(RECEIVED, *((lane, order(lane)) for lane in "abcd"))
        story.works()
        story.publish(RECEIVED, *((f"{lane}2", order(lane)) for lane in "abcd"))
        story.publish(RETURNED, ("9", {"why": "broken"}))
        story.publish("invoice.received", ("7", {"amount": 5}), slug="pay")
        story.works()
        story.works(after=9)


def test_a_workflow_that_another_worker_holds(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False), paying(story))
        story.is_claimed("elsewhere 1 1")
        story.publish(RECEIVED, ("1", order("a")))
        story.works()
        story.is_claimed("elsewhere 2 2")
        story.works(after=74)
        story.works(after=1)
        story.works(after=1)


@pytest.mark.parametrize("phase", ["mutate", "next"])
def test_a_worker_that_is_overtaken_in(tell: Tell, phase: str) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b")))

        def sleep() -> None:
            story.clock.advance(seconds=200)
            assert story.claims_now("ship", "elsewhere 1 1")
            story.note("the worker sleeps for 200 s, and another one claims the workflow")

        story.trouble(f"Ship.{phase}", sleep)
        story.works()
        story.works(after=75)
        story.works(after=10)


@pytest.mark.parametrize("phase", ["mutate", "next"])
def test_pausing_in(tell: Tell, phase: str) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b")))

        def pause() -> None:
            story.note("meanwhile the workflow is paused")
            workflow = story.workflow("ship")
            pause_workflow(workflow, actor=story.people["olga"], reason="wait")

        story.trouble(f"Ship.{phase}", pause)
        story.works()
        story.works(after=10)
        story.press("otto", resume_workflow, "ship", "go on")
        story.works()


def _lie_the_other_way_round() -> None:
    """Let the runs that owe a retry lie in their table and its indexes from the last to the first.

    Where a row lies depends on what was there before; it must be no order of runs that are due at one moment.
    """
    owing = Run.objects.filter(retry_due_at__isnull=False)
    with connection.cursor() as cursor:
        for number in owing.order_by("-pk").values_list("pk", flat=True):
            for by in ("1 second", "-1 second"):
                cursor.execute(
                    "UPDATE workflows_app_run SET retry_due_at = retry_due_at + %s::interval"
                    " WHERE id = %s",
                    [by, number],
                )


def test_handlers_that_fail_and_events_that_are_skipped(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, policy={"transient_retries": 1}))
        story.trouble("Ship.prepare", ValueError("no such order"), TransientError("away"))
        story.trouble("Ship.mutate", ZeroDivisionError("no weight"), TransientError("away"))
        story.trouble("Ship.next", TransientError("away"), TransientError("away"))
        story.trouble("Tell.prepare", KeyError("why"))
        story.publish(RECEIVED, *((lane, order(lane)) for lane in "abcdef"))
        story.publish(RETURNED, ("8", {"why": "broken"}), ("9", {"why": "late"}))
        story.works()
        _lie_the_other_way_round()
        story.works(after=9)
        story.works(after=9)
        story.press("olga", skip_event, f"{RECEIVED}/a")
        story.press("olga", skip_event, f"{RETURNED}/9")
        story.works()
        story.press("olga", skip_event, f"{RETURNED}/8")
        story.press("olga", skip_event, f"{SHIPPED}/f")
        story.works()
