"""The states in which a run, and with it its lane, can be found: how a story gets there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.stories.shop import RECEIVED, order, shipping
from tests.stories.story import Story

#: The run of order 1 in lane a, whose state it is: the newest of its lane.
Reach = Callable[..., None]


def _begin(story: Story, plays: tuple[Any, ...], seconds: tuple[float, ...], **code: Any) -> None:
    story.begins_with(shipping(story, tells=False, **code))
    story.outside("carrier.ship").plays(*plays)
    with story.in_short():
        story.publish(RECEIVED, ("1", order("a")))
        for each in seconds:
            story.works(after=each)
        story.publish(RECEIVED, ("2", order("a", 5)), ("3", order("b")))


def is_pending(story: Story, **code: Any) -> None:
    _begin(story, (), (), **code)


def is_blocked(story: Story, **code: Any) -> None:
    _begin(story, ("no answer",), (0,), can_ask=False, **code)


def is_blocked_and_can_be_asked(story: Story, **code: Any) -> None:
    story.outside("carrier.ship").says("can't say", "can't say")
    _begin(story, ("no answer",), (0, 10), of_carrier={"reconcile_attempts": 2}, **code)


def is_asked_about(story: Story, **code: Any) -> None:
    story.outside("carrier.ship").says("can't say")
    _begin(story, ("no answer",), (0,), of_carrier={"reconcile_attempts": 2}, **code)


def waits_for_its_retry(story: Story, **code: Any) -> None:
    _begin(story, ("busy",), (0,), **code)


def was_rejected(story: Story, **code: Any) -> None:
    _begin(story, ("rejected",), (0,), **code)


def failed_in_prepare(story: Story, **code: Any) -> None:
    story.trouble("Ship.prepare", ValueError("no such order"))
    _begin(story, (), (0,), **code)


def failed_in_next(story: Story, **code: Any) -> None:
    story.trouble("Ship.next", KeyError("parcel"))
    _begin(story, (), (0,), **code)


def crashed_in_prepare(story: Story, **code: Any) -> None:
    story.trouble("Ship.prepare", "worker dies")
    _begin(story, (), (0, 0), **code)


def crashed_in_next(story: Story, **code: Any) -> None:
    story.trouble("Ship.next", "worker dies")
    _begin(story, (), (0, 0), **code)


def is_poison(story: Story, **code: Any) -> None:
    story.trouble("Ship.prepare", *["worker dies"] * 2)
    _begin(story, (), (0, 0, 9, 0), policy={"crash_retries": 1}, **code)


def is_sent_again(story: Story, **code: Any) -> None:
    """A person said that it didn't happen; nobody has begun to send it again."""
    from workflows_app.operations import it_didnt_happen

    is_blocked(story, **code)
    with story.in_short():
        story.press("olga", it_didnt_happen, 201)


def was_in_flight(story: Story, **code: Any) -> None:
    """Its worker died during the call, and nobody has found it yet."""
    _begin(story, ("crash",), (0,), **code)


def is_committed(story: Story, **code: Any) -> None:
    _begin(story, (), (0,), **code)


STATES: dict[str, Reach] = {
    reach.__name__.replace("_", " "): reach
    for reach in (
        is_pending,
        is_blocked,
        is_blocked_and_can_be_asked,
        is_asked_about,
        waits_for_its_retry,
        was_rejected,
        failed_in_prepare,
        failed_in_next,
        crashed_in_prepare,
        crashed_in_next,
        is_poison,
        is_sent_again,
        was_in_flight,
        is_committed,
    )
}
