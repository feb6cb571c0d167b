"""What each answer of a call means, and each answer to the question whether it happened."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, RETURNED, order, paying, shipping
from workflows_app.operations import retry_failed_run, skip_run
from workflows_app.sdk import NotApplied, Reconciliation, TransientError


class _Refused(NotApplied):
    """What an author may write who forgets the base."""

    def __init__(self) -> None:
        """Leave all out."""


class _Lazy(dict[str, Any]):
    """What may fail as late as when it is read."""

    def items(self) -> Any:
        raise ConnectionError("reset by peer")


class _Leaving(dict[str, Any]):
    """What ends its thread when it is read."""

    def items(self) -> Any:
        raise SystemExit(1)


class _Unshowable:
    def __repr__(self) -> str:
        raise ValueError("nothing to show")


#: How a call goes, by what it is called.
CALLS: dict[str, Any] = {
    "is rejected": "rejected",
    "is rejected for no reason": "no reason",
    "finds it busy": "busy",
    "has a bad token": "bad token",
    "is lost after it happened": "lost",
    "is lost before it happened": "no answer",
    "ends its worker after it happened": "crash",
    "ends its worker before it happened": "crash before",
    "fails for an unknown reason": RuntimeError("the code is broken\x00"),
    "fails for now": TransientError("busy"),
    "answers what is no JSON": {1, 2},
    "answers too much": {"too": "x" * 300_000},
    "fails without words": RuntimeError(),
    "is refused without a reason": _Refused(),
    "answers what can't be read": _Lazy(number=1),
    "answers what ends its thread": _Leaving(number=1),
    "answers what can't be shown": _Unshowable(),
}
#: What differs if nobody can be asked.
ASKED_FOR = (
    "is lost after it happened",
    "ends its worker before it happened",
    "fails for an unknown reason",
    "is refused without a reason",
)
#: What the outside system says when it is asked, one after the other.
ANSWERS: dict[str, list[Any]] = {
    "that it is there": ["it is there"],
    "that it is not there": ["it is not there"],
    "that it can't say": ["can't say"] * 3,
    "that it can't say, then that it is there": ["can't say", "it is there"],
    "that it can't say, then that it is not there": ["can't say", "can't say", "it is not there"],
    "nothing, for it is broken": [RuntimeError("broken"), {"applied": True}, TimeoutError("away")],
    "what is no JSON": [Reconciliation.applied({1})] * 3,
    "nothing, for its worker dies": ["crash", "it is there"],
    "what is no answer": [NotApplied("not there"), None, Reconciliation("maybe", why="who knows")],  # type: ignore[arg-type]
    "what can't be read": [Reconciliation.applied(_Lazy(number=1)), True, Reconciliation],
}


def test_calls_that_are_answered(tell: Tell) -> None:
    with tell(is_whole=True) as story:
        story.deploy(shipping(story))
        story.begins_with(paying(story))
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b", 0)), ("3", order("a", 2)))
        story.publish(RETURNED, ("1", {"why": "too large"}))
        story.publish("invoice.received", ("7", {"amount": 5, "iban": "DE1"}), slug="pay")
        story.works()
        story.publish(RECEIVED, ("4", order("a")), ("5", order("c", 3)))
        story.works(after=3600)


@pytest.mark.parametrize("can_ask", [True, False], ids=["can ask", "can't ask"])
def test_calls(tell: Tell, can_ask: bool) -> None:
    with tell() as story:
        story.begins_with(shipping(story, can_ask=can_ask, tells=False))
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b")))
        for call, play in CALLS.items():
            if not can_ask and call not in ASKED_FOR:
                continue
            with story.what_if(f"the call {call}"):
                story.outside("carrier.ship").plays(play)
                story.works()
                if call.startswith("ends its worker"):
                    story.works()
                story.publish(RECEIVED, ("3", order("a", 7)))
                story.works(after=60)


@pytest.mark.parametrize("lag", [0, 25], ids=["its search is current", "its search lags"])
def test_asking(tell: Tell, lag: int) -> None:
    with tell() as story:
        rules = {"reconcile_attempts": 3}
        story.begins_with(shipping(story, tells=False, lag=lag, of_carrier=rules))
        carrier = story.outside("carrier.ship")
        carrier.plays("no answer")
        story.publish(RECEIVED, ("1", order("a")))
        for answer, said in ANSWERS.items():
            if lag and "not there" not in answer:
                continue
            with story.what_if(f"it is asked, and says {answer}"):
                carrier.says(*said)
                story.works()
                story.publish(RECEIVED, ("2", order("a", 5)), ("3", order("b")))
                for seconds in (10, 20, 30):
                    story.works(after=seconds)


def test_a_consumer_that_handles_rejections(tell: Tell) -> None:
    with tell() as story:
        code = shipping(story, handles_rejection=True)
        story.begins_with(code)
        story.outside("carrier.ship").plays("rejected", "busy", "bad token", "no reason")
        story.outside("post.tell").plays("rejected", "applied")
        story.publish(RECEIVED, *((lane, order(lane)) for lane in "abcd"))
        story.publish(RETURNED, ("9", {"why": "broken"}))
        story.works()
        story.works(after=20)


def test_next_is_told_a_rejection_again_until_it_succeeds(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False, handles_rejection=True))
        story.outside("carrier.ship").plays("rejected")
        story.publish(RECEIVED, ("1", order("a")))
        story.trouble("Ship.next", "worker dies", TransientError("the archive is away"))
        for seconds in (0, 0, 10, 10):
            story.works(after=seconds)


def test_new_code_handles_what_was_rejected(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        story.outside("carrier.ship").plays("rejected", "rejected")
        story.publish(RECEIVED, ("1", order("a")))
        story.works()
        story.deploy(shipping(story, "1.1", tells=False, handles_rejection=True))
        story.works()


@pytest.mark.parametrize("outcome", ["applied", "found by asking", "skipped"])
def test_next_fails_until_there_are_no_retries_left_after_an_effect_that_was(
    tell: Tell, outcome: str
) -> None:
    with tell() as story:
        code = {"tells": False, "can_ask": outcome != "skipped"}
        story.begins_with(shipping(story, policy={"transient_retries": 1}, **code))
        story.outside("carrier.ship").plays("applied" if outcome == "applied" else "lost")
        away = TransientError("the archive is away")
        story.trouble("Ship.next", away, away, away)
        story.publish(RECEIVED, ("1", order("a")), ("2", order("a", 2)))
        story.works()
        if outcome == "skipped":
            story.press("olga", skip_run, 201, "cancelled")
        for seconds in (0, 9, 100):
            story.works(after=seconds)
        story.press("olga", retry_failed_run, 202, "the archive is back")
        for seconds in (0, 9):
            story.works(after=seconds)


def test_retries_until_there_are_none_left(tell: Tell) -> None:
    with tell() as story:
        rules = {"transient_retries": 2, "backoff_initial_seconds": 20, "backoff_max_seconds": 30}
        code = shipping(story, tells=False, of_carrier=rules, policy={"transient_retries": 9})
        story.begins_with(code)
        story.outside("carrier.ship").plays("busy", "applied", "busy", "busy", "busy")
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b")))
        for seconds in (0, 17, 1, 26, 1, 30):
            story.works(after=seconds)


def test_an_outside_that_contradicts_itself(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False, of_carrier={"reconcile_attempts": 3}))
        carrier = story.outside("carrier.ship")
        carrier.plays("no answer")
        carrier.says("can't say", "it is not there")
        story.publish(RECEIVED, ("1", order("a")))
        story.works()
        story.late(301, answer={"number": 3})
        story.works(after=10)
