"""A workflow that people pause and resume, and what they decide about its runs meanwhile."""

from __future__ import annotations

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, order, shipping
from tests.stories.states import is_blocked
from workflows_app.operations import (
    it_didnt_happen,
    it_happened,
    pause_workflow,
    resume_workflow,
    retry_failed_run,
    run_producers_now,
    skip_run,
    try_again,
)


def test_pausing_and_resuming_twice(tell: Tell) -> None:
    with tell() as story:
        is_blocked(story)
        story.press("otto", resume_workflow, "ship", "is it paused?")
        story.press("olga", pause_workflow, "ship", "the carrier calls")
        story.press("otto", pause_workflow, "ship", "the carrier calls me")
        story.works()
        story.publish(RECEIVED, ("4", order("b")))
        story.press("otto", run_producers_now, "ship", "I want it")
        story.press("olga", resume_workflow, "ship", "all is well")
        story.press("viktor", resume_workflow, "ship", "is it?")
        story.press("otto", resume_workflow, "ship", "is it?")
        story.press("otto", pause_workflow, "ship", "the carrier calls again")
        story.press("olga", pause_workflow, "ship", "it calls me")


def test_what_is_decided_while_it_is_paused(tell: Tell) -> None:
    with tell() as story:
        carrier = story.outside("carrier.ship")
        carrier.plays("no answer", "rejected")
        carrier.says("can't say")
        story.begins_with(shipping(story, tells=False, of_carrier={"reconcile_attempts": 1}))
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b")))
        story.works()
        story.press("olga", pause_workflow, "ship", "stocktaking")
        for operation, run in (
            *((each, 201) for each in (try_again, it_happened, it_didnt_happen, skip_run)),
            (retry_failed_run, 202),
        ):
            with story.what_if(f"{operation.__name__} is pressed"):
                story.press("olga", operation, run)
                story.works(after=100)
                story.press("otto", resume_workflow, "ship", "done")
                story.works()
