"""The circuit breaker of a consumer: opened by unknown outcomes in a row, closed by a definite answer."""

from __future__ import annotations

from typing import Any

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, RETURNED, order, shipping
from tests.stories.story import Story
from workflows_app.operations import (
    close_breaker,
    it_didnt_happen,
    it_happened,
    pause_workflow,
    resume_workflow,
    retry_failed_run,
    try_again,
)


def _opened(story: Story, **code: Any) -> None:
    """Of four lanes two have an unknown outcome: the breaker is open for ten seconds."""
    rules = {"breaker_after_unknowns": 2, "transient_retries": 1}
    code = {"can_ask": False, "tells": False, **code}
    story.begins_with(shipping(story, policy=rules, **code))
    story.outside("carrier.ship").plays("no answer", "no answer")
    with story.in_short():
        story.publish(RECEIVED, *((lane, order(lane)) for lane in "abcd"))
        story.works()


TRIALS = ["applied", "rejected", "busy", "no answer", "crash", "bad token", "unsent"]


def test_trials(tell: Tell) -> None:
    with tell() as story:
        _opened(story)
        story.works(after=9)
        for play in TRIALS:
            with story.what_if(f"a trial plays {play}"):
                story.outside("carrier.ship").plays(play)
                for seconds in (1, 1, 19):
                    story.works(after=seconds)


def test_a_breaker_that_a_person_closes(tell: Tell) -> None:
    with tell() as story:
        _opened(story)
        story.press("viktor", close_breaker, "Ship")
        story.press("olga", close_breaker, "Ship", "the carrier is back")
        story.press("otto", close_breaker, "Ship", "is it?")
        story.outside("carrier.ship").plays("no answer", "no answer")
        story.works()
        story.works(after=10)


def test_a_breaker_that_was_half_open_when_a_person_closes_it(tell: Tell) -> None:
    with tell() as story:
        _opened(story)
        story.outside("carrier.ship").plays(("waits", "no answer"))
        story.clock.advance(seconds=10)
        story.works_until_called("carrier.ship")
        story.press("olga", close_breaker, "Ship", "the carrier is back")
        story.host_goes_on("carrier.ship")
        story.works()


def test_what_people_order_while_the_breaker_is_open(tell: Tell) -> None:
    with tell() as story:
        _opened(story)
        with story.what_if("one is sent again, and answered"):
            story.press("olga", it_didnt_happen, 201)
            story.works()
        with story.what_if("one is sent again, and not answered"):
            story.outside("carrier.ship").plays("no answer")
            story.press("olga", it_didnt_happen, 201)
            story.works()
        with story.what_if("one happened"):
            story.press("olga", it_happened, 202)
            story.works()
        with story.what_if("the workflow is paused meanwhile"):
            story.press("olga", pause_workflow, "ship")
            story.works(after=10)
            story.press("olga", resume_workflow, "ship")
            story.works()


def test_retries_wait_for_the_breaker(tell: Tell) -> None:
    with tell() as story:
        rules = {"breaker_after_unknowns": 2}
        story.begins_with(shipping(story, can_ask=False, tells=False, policy=rules))
        story.outside("carrier.ship").plays(
            "busy", "rejected", "no answer", "no answer", "no answer"
        )
        story.trouble("Ship.next", ValueError("a fault"))
        story.publish(RECEIVED, *((lane, order(lane)) for lane in "abcd"))
        story.works()
        story.works(after=9)
        story.press("olga", retry_failed_run, 202)
        story.works()
        story.works(after=1)
        story.works(after=20)


def test_answers_to_questions_close_it(tell: Tell) -> None:
    with tell() as story:
        story.outside("carrier.ship").says("can't say", "can't say", "can't say", "it is there")
        _opened(story, can_ask=True, of_carrier={"reconcile_attempts": 3})
        story.works(after=10)
        story.works(after=10)


def test_a_question_of_a_person_closes_it(tell: Tell) -> None:
    with tell() as story:
        story.outside("carrier.ship").says("can't say", "can't say")
        _opened(story, can_ask=True, of_carrier={"reconcile_attempts": 1})
        story.clock.advance(seconds=1)
        story.press("olga", it_didnt_happen, 201, probe=True)
        story.press("olga", try_again, 202)
        story.works()


def test_each_consumer_has_its_own(tell: Tell) -> None:
    with tell() as story:
        story.outside("post.tell").plays("no answer")
        rules = {"breaker_after_unknowns": 1}
        story.begins_with(shipping(story, can_ask=False, policy=rules))
        story.publish(RETURNED, ("8", {"why": "broken"}), ("9", {"why": "late"}))
        story.outside("carrier.ship").plays("applied", "no answer")
        story.publish(RECEIVED, *((lane, order(lane)) for lane in "abc"))
        story.works()
        story.press("olga", close_breaker, "Tell", "the post is back")
        story.works()
        story.works(after=10)


def test_unknowns_that_are_not_in_a_row(tell: Tell) -> None:
    with tell() as story:
        rules = {"breaker_after_unknowns": 2}
        story.begins_with(shipping(story, can_ask=False, tells=False, policy=rules))
        story.outside("carrier.ship").plays(
            *("no answer", "applied", "no answer", "rejected", "crash", "unsent", "no answer")
        )
        story.publish(RECEIVED, *((lane, order(lane)) for lane in "abcdefgh"))
        story.works()
        story.works()
