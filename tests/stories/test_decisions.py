"""Each decision of a person in each state: what it changes, or why it is refused, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, order, paying, producer, shipping
from tests.stories.states import STATES, is_blocked, is_blocked_and_can_be_asked, is_poison
from workflows_app.models import Run
from workflows_app.operations import (
    add_note,
    close_breaker,
    decide_now,
    it_didnt_happen,
    it_happened,
    pause_workflow,
    resume_workflow,
    retry_failed_run,
    run_producers_now,
    skip_event,
    skip_run,
    take,
    try_again,
)
from workflows_app.operations.asking import look
from workflows_app.sdk import NotApplied, TransientError

#: What may be decided about a run.
OF_RUNS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (try_again, {}),
    (it_happened, {"result": {"number": 77}}),
    (it_didnt_happen, {}),
    (skip_run, {}),
    (decide_now, {}),
    (retry_failed_run, {}),
    (take, {}),
]


@pytest.mark.parametrize("state", ["is blocked", "is asked about", "failed in next"])
def test_what_people_may_do_about_a_run_that(tell: Tell, state: str) -> None:
    with tell() as story:
        STATES[state](story)
        newest = Run.objects.filter(lane="a").order_by("pk").last()
        for operation, options in OF_RUNS if newest is not None else []:
            with story.what_if(f"{operation.__name__} is pressed"):
                if story.press("olga", operation, newest.pk, **options) is None:
                    continue
                with story.what_if("another one presses the same"):
                    story.press("otto", operation, newest.pk, "me too", **options)
                if operation is not take:
                    story.works()
        for message_id in ("1", "2"):
            with story.what_if(f"event {message_id} is skipped"):
                story.press("olga", skip_event, f"{RECEIVED}/{message_id}", "not wanted")
                story.press("otto", skip_event, f"{RECEIVED}/{message_id}", "nor by me")
                story.works(after=12)
        story.press("olga", pause_workflow, "ship", "the carrier calls")
        story.works(after=12)
        story.press("otto", resume_workflow, "ship", "all is well")
        story.works(after=12)


def test_what_is_decided_about_a_run_of_two_events(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False, can_ask=False))
        story.outside("carrier.ship").plays("no answer")
        story.publish(RECEIVED, ("1", order("a")), ("2", order("a", 2)))
        story.works()
        for operation in (it_happened, it_didnt_happen, skip_run):
            with story.what_if(f"{operation.__name__} is pressed"):
                story.press("olga", operation, 201)
                story.works()


def test_who_may_decide_and_why(tell: Tell) -> None:
    with tell() as story:
        is_blocked_and_can_be_asked(story)
        for operation, options in [*OF_RUNS, (add_note, {})]:
            story.press("viktor", operation, 201, **options)
            story.press("olga", operation, 201, " \t", **options)
        story.press("olga", add_note, 201, "the bank is closed\x00")
        story.press("olga", take, 201, "")
        story.press("olga", close_breaker, "Ship")
        story.people["olga"].is_active = False
        story.people["olga"].save()
        story.press("olga", skip_run, 201)


def test_a_decision_on_what_was_seen(tell: Tell) -> None:
    with tell() as story:
        is_blocked(story)
        for seen in ("e401-d0", "e0-d0", "e399-d0", "nonsense", "r1"):
            with story.what_if(f"{seen} was seen"):
                story.press("olga", skip_run, 201, seen=seen)
        story.press("otto", take, 201, "I look")
        story.press("otto", add_note, 201, "nobody is there")
        story.late(301, answer={"number": 8})
        story.late(301, error=TimeoutError("gone"))
        for seen in ("e401-d0", "e401-d502", "e402-d502", "e403-d502"):
            with story.what_if(f"{seen} was seen"):
                story.press("olga", skip_run, 201, seen=seen)
                story.works()
        story.press("viktor", skip_event, f"{RECEIVED}/2", seen="r1")
        story.publish(RECEIVED, ("2", order("a", 9)))
        for seen in ("r1", "r2", "e1-d1"):
            with story.what_if(f"{seen} was seen"):
                story.press("olga", skip_event, f"{RECEIVED}/2", seen=seen)


def test_a_call_that_a_person_orders_again_and_that_kills(tell: Tell) -> None:
    with tell() as story:
        is_blocked(story, policy={"crash_retries": 1})
        story.trouble("Ship.mutate", "worker dies")
        story.press("olga", it_didnt_happen, 201, "not there")
        with story.what_if("the workflow is paused when its worker has died"):
            story.works()
            story.press("otto", pause_workflow, "ship", "the carrier has moved")
            for seconds in (0, 9):
                story.works(after=seconds)
            story.press("otto", resume_workflow, "ship", "moved")
            story.works()
        story.trouble("Ship.mutate", "worker dies")
        for seconds in (0, 0, 9, 0):
            story.works(after=seconds)
        with story.what_if("it is retried"):
            story.press("otto", retry_failed_run, 203, "the worker has more memory")
            story.works()
        with story.what_if("other code comes"):
            story.deploy(shipping(story, "1.1", can_ask=False, tells=False))
            story.works()


def test_what_is_sent_again_on_a_person_s_word_goes_wrong(tell: Tell) -> None:
    with tell() as story:
        is_blocked(story)
        story.press("olga", it_didnt_happen, 201, "not there")
        carrier = story.outside("carrier.ship")
        for play in ("no answer", "crash", "rejected", "busy"):
            with story.what_if(f"the call that is made again plays {play}"):
                carrier.plays(play)
                story.works()
                story.works()
                if play in ("no answer", "crash"):
                    story.press("otto", it_didnt_happen, 202, "not there, again")
                    story.works()
        troubles = TransientError("the archive is away"), ValueError("a fault")
        for trouble in troubles:
            with story.what_if(f"mutate raises {trouble!r}"):
                story.trouble("Ship.mutate", trouble)
                story.works()
                story.works(after=9)
        story.works()


def test_poison_is_retried_and_kills_again(tell: Tell) -> None:
    with tell() as story:
        is_poison(story)
        story.trouble("Ship.prepare", "worker dies")
        story.press("olga", retry_failed_run, 202, "once more")
        for seconds in (0, 0, 9):
            story.works(after=seconds)


def test_a_failed_run_behind_another_one(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False, can_ask=False))
        carrier = story.outside("carrier.ship")
        carrier.plays("rejected", "rejected", "no answer", "rejected")
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b")), ("3", order("c")))
        story.works()
        story.press("olga", skip_event, f"{RECEIVED}/1", "not wanted")
        story.publish(RECEIVED, ("4", order("a")))
        story.works()
        story.press("olga", retry_failed_run, 201, "it was right")
        story.press("olga", retry_failed_run, 202, "the address is right")
        story.press("otto", retry_failed_run, 202, "me too")
        story.press("otto", retry_failed_run, 203, "me too")
        story.works()
        story.press("otto", retry_failed_run, 202, "me too")
        story.press("olga", skip_event, f"{RECEIVED}/4", "not wanted either")
        carrier.plays("no answer")
        story.publish(RECEIVED, ("5", order("a")))
        story.works()
        story.press("otto", retry_failed_run, 204, "it was right")


def test_results_that_people_tell(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(paying(story))
        bank = story.outside("bank.pay")
        bank.plays("no answer", "no answer")
        bank.says(*["can't say"] * 6)
        story.publish("invoice.received", ("7", {"amount": 5}), slug="pay")
        for seconds in (0, 10, 20):
            story.works(after=seconds)
        for result in (
            None,
            "B-1",
            {},
            {"number": 5},
            {"number": " "},
            {"number": "B-1", "day": "1"},
            {"number": "B\x00"},
            {"number": "B-1", "more": {1}},
        ):
            with story.what_if(f"the result is {result!r}"):
                story.press("olga", it_happened, 201, result=result)
        story.press("olga", it_happened, 201, "in the list", result={"number": "B-1"})
        story.publish("invoice.received", ("8", {"amount": 6}), slug="pay")
        for seconds in (0, 10, 20):
            story.works(after=seconds)
        story.press("olga", it_happened, 202, "in the list", result={"number": "B-1"})
        told = {"result": {"number": "B-1"}, "despite_same_result": True}
        story.press("olga", it_happened, 202, "one payment for both", **told)
        story.works()


#: What the bank says when it is asked for a person.
PROBES = {
    "that it is there": "it is there",
    "that it is not there": "it is not there",
    "that it can't say": "can't say",
}


@pytest.mark.parametrize("probe", PROBES)
def test_asking_first_and_hearing(tell: Tell, probe: str) -> None:
    with tell() as story:
        is_blocked_and_can_be_asked(story)
        carrier = story.outside("carrier.ship")

        def ask(*, goes_on: bool = False, **more: Any) -> None:
            for operation, options in (
                (it_happened, {"result": {"number": 5}}),
                (it_didnt_happen, {}),
            ):
                with story.what_if(f"{operation.__name__} is said, and asked first"):
                    carrier.says(PROBES[probe])
                    story.press("olga", operation, 201, probe=True, **options, **more)
                    if goes_on:
                        story.works()

        ask(goes_on=True)
        with story.what_if("a late answer says that it happened"):
            story.late(301, answer={"number": 4})
            ask()
            story.press("olga", it_didnt_happen, 201, "it is wrong")
            story.press("olga", it_didnt_happen, 201, "it is wrong", despite_contradiction=True)
            story.works()
        with story.what_if("a late answer says that it did not happen"):
            story.late(301, error=NotApplied("it was refused"))
            ask()
        for heard in ("it is there", "it is not there"):
            with story.what_if(f"somebody has looked, and heard: {heard}"):
                carrier.says(heard)
                run, otto = Run.objects.get(pk=201), story.people["otto"]
                story.does(
                    "otto looks at run 201.", lambda run=run, otto=otto: look(run, actor=otto)
                )
                ask()


def test_asking_first_while_the_search_lags(tell: Tell) -> None:
    with tell() as story:
        is_blocked_and_can_be_asked(story, lag=100)
        carrier = story.outside("carrier.ship")
        for seconds in (0, 100):
            with story.what_if(f"it is asked {seconds} s later"):
                story.clock.advance(seconds=seconds)
                carrier.says("it is not there")
                story.press("olga", it_didnt_happen, 201, probe=True)
                with story.what_if("it is asked once more"):
                    carrier.says("it is there")
                    story.press("otto", it_didnt_happen, 201, probe=True)
                story.works()


def test_producers_that_people_have_run_now(tell: Tell) -> None:
    with tell() as story:
        reads = [producer(story, name, RECEIVED) for name in ("ReadMail", "ReadShelf")]
        story.begins_with(shipping(story, producers=reads, tells=False), paying(story))
        story.works()
        story.press("olga", run_producers_now, "ship", "mail has come")
        story.press("olga", run_producers_now, "pay", "so it has here")
        story.works(after=1)
