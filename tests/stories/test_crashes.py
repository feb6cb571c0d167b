"""A worker that dies in each phase, and how the next one goes on by the ledger."""

from __future__ import annotations

import pytest

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, RETURNED, SHIPPED, order, producer, shipping
from tests.stories.states import is_blocked
from workflows_app.operations import it_happened, retry_failed_run, skip_event, skip_run
from workflows_app.sdk import PrepareResult, TransientError

PHASES = ["prepare", "next"]


@pytest.mark.parametrize("phase", PHASES)
def test_a_worker_that_dies_until_it_is_poison_in(tell: Tell, phase: str) -> None:
    with tell() as story:
        rules = {"crash_retries": 1}
        story.begins_with(shipping(story, tells=False, records=True, policy=rules))
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b")))
        story.trouble(f"Ship.{phase}", "worker dies", None, "worker dies")
        for seconds in (0, 0, 8, 1):
            story.works(after=seconds)
        with story.what_if("new code comes before anybody finds that it has died again"):
            story.deploy(shipping(story, "1.1", tells=False))
            story.works()
            story.works(after=20)
        story.works()
        story.publish(RECEIVED, ("3", order("a", 6)))
        story.works(after=100)
        with story.what_if("it is retried"):
            story.press("olga", retry_failed_run, 203)
            story.works()
        with story.what_if("its event is skipped"):
            story.press("olga", skip_event, f"{RECEIVED}/1", "it kills workers")
            story.works()
        with story.what_if("new code comes"):
            story.deploy(shipping(story, "1.1", tells=False))
            story.works()


def test_a_worker_that_dies_when_it_finds_nothing(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        nothing = PrepareResult.nothing()
        story.trouble("Ship.prepare", nothing, "worker dies", nothing)
        story.publish(RECEIVED, ("1", order("a")))
        story.works()
        story.publish(RECEIVED, ("2", order("a")))
        for seconds in (0, 0, 10):
            story.works(after=seconds)


def test_a_worker_that_dies_in_next_after_no_call(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        story.trouble("Ship.next", "worker dies")
        story.publish(RECEIVED, ("1", order("a", 0)))
        for seconds in (0, 0, 10):
            story.works(after=seconds)


def test_a_run_that_is_skipped_or_happened_after_which_the_worker_dies(tell: Tell) -> None:
    with tell() as story:
        is_blocked(story)
        for operation in (skip_run, it_happened):
            with story.what_if(f"{operation.__name__} is pressed, and next ends its worker"):
                story.press("olga", operation, 201)
                story.trouble("Ship.next", "worker dies")
                for seconds in (0, 0, 10):
                    story.works(after=seconds)


def test_crashes_and_failures_are_counted_apart(tell: Tell) -> None:
    with tell() as story:
        rules = {"crash_retries": 1, "transient_retries": 1}
        story.begins_with(shipping(story, tells=False, policy=rules))
        carrier = story.outside("carrier.ship")
        carrier.plays("busy", "busy", "busy")
        story.trouble("Ship.prepare", "worker dies", None, "worker dies", None, None)
        story.publish(RECEIVED, ("1", order("a")))
        for seconds in (0, 0, 10, 10, 0, 20, 20, 40):
            story.works(after=seconds)


def test_a_crash_of_a_handler_that_is_gone(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story))
        story.publish(RETURNED, ("9", {"why": "broken"}))
        story.publish(SHIPPED, ("8", {"to": "z"}))
        for phase in ("prepare", "next"):
            with story.what_if(f"its worker dies in {phase}, and the next version lacks it"):
                story.trouble(f"Tell.{phase}", "worker dies")
                story.works()
                story.deploy(shipping(story, "1.1", tells=False), accept_orphans=True)
                story.works()
                story.works(after=10)
                story.deploy(shipping(story, "1.2"))
                story.works()


def test_a_producer_whose_worker_dies(tell: Tell) -> None:
    with tell() as story:
        reads = [producer(story, name, RECEIVED) for name in ("ReadMail", "ReadShelf")]
        rules = {"crash_retries": 1}
        story.begins_with(shipping(story, producers=reads, tells=False, policy=rules))
        story.works()
        with story.what_if("its poll failed before"):
            story.trouble("ReadMail.poll", TransientError("the shop is away"), "worker dies")
            for seconds in (300, 9, 1):
                story.works(after=seconds)
        with story.what_if("new code comes between two deaths"):
            story.trouble("ReadMail.poll", *["worker dies"] * 2)
            for seconds in (300, 0):
                story.works(after=seconds)
            story.deploy(shipping(story, "1.1", producers=reads, tells=False, policy=rules))
            for seconds in (9, 0):
                story.works(after=seconds)
        story.trouble("ReadMail.poll", *["worker dies"] * 3)
        story.publish(RECEIVED, ("1", order("a")))
        for seconds in (300, 0, 9, 0, 18, 0, 36, 36):
            story.works(after=seconds)
