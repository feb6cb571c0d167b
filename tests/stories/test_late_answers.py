"""Answers that come when the host, or a person, has gone on: kept, flagged, and without effect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, order, shipping
from tests.stories.states import is_asked_about, is_blocked, is_committed, was_rejected
from workflows_app.operations import decide_now, it_didnt_happen, it_happened, skip_run
from workflows_app.sdk import NotApplied, Reconciliation

#: What a late answer says, and whether it is one to the question whether it happened.
ANSWERS: list[dict[str, Any]] = [
    {"answer": {"number": 4}},
    {"error": NotApplied("the address is wrong")},
    {"error": TimeoutError("cut off")},
    {"answer": Reconciliation.applied({"number": 4}), "asked": True},
    {"answer": Reconciliation.not_applied("not in the list"), "asked": True},
    {"answer": Reconciliation.retry("later"), "asked": True},
]


@pytest.mark.parametrize("reach", [is_asked_about, was_rejected, is_committed])
def test_late_answers_about_a_run_that(tell: Tell, reach: Any) -> None:
    with tell() as story:
        reach(story, lag=30)
        for after in (0, 60):
            for answer in ANSWERS:
                # It depends on the time what an answer to a question says.
                if after == 0 and "asked" not in answer:
                    continue
                with story.what_if(f"an answer comes {after} s later"):
                    story.clock.advance(seconds=after)
                    story.late(301, **answer)
                    if reach is is_asked_about:
                        story.works()


def test_late_answers_after_a_decision(tell: Tell) -> None:
    with tell() as story:
        is_blocked(story)
        for operation in (it_happened, it_didnt_happen, skip_run):
            with story.what_if(f"somebody has chosen {operation.__name__}"):
                story.press("olga", operation, 201)
                story.works()
                for answer in ANSWERS[:3]:
                    with story.what_if("an answer comes"):
                        story.late(301, **answer)
                        story.late(301, **answer)


@pytest.mark.parametrize("play", ["applied", "no answer"])
def test_a_person_decides_while_the_call_is_under_way(tell: Tell, play: str) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        story.outside("carrier.ship").plays(("waits", play))
        # One call at a time: of two threads nobody knows which comes first.
        story.publish(RECEIVED, ("1", order("a")), ("2", order("a", 3)))
        story.works_until_called("carrier.ship")
        story.publish(RECEIVED, ("3", order("b")))
        story.press("olga", skip_run, 201, "it takes too long")
        story.press("olga", decide_now, 201, "it takes too long")
        story.clock.advance(seconds=1000)
        story.outside("carrier.ship").says("can't say")
        story.works()
        story.press("olga", decide_now, 201, "it takes too long")
        story.press("olga", it_didnt_happen, 201, "the worker hangs")
        story.host_goes_on("carrier.ship")
        story.works(after=10)
