"""Producers: when they poll, what becomes of what they read, and of polls that fail."""

from __future__ import annotations

from datetime import datetime

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, RETURNED, order, paying, producer, shipping
from workflows_app.operations import pause_workflow, resume_workflow, run_producers_now
from workflows_app.sdk import Cron, Every, PollContext, TransientError


def _reads(*numbers: str) -> object:
    def read(ctx: PollContext) -> None:
        for number in numbers:
            letter = ctx.register_input(
                source="post", type="letter", id=number, title=f"No {number}"
            )
            ctx.publish(RECEIVED, message_id=number, payload=order("a"), input=letter)

    return read


def test_producers_by_their_schedules(tell: Tell) -> None:
    with tell() as story:
        reads = [
            producer(story, "ReadMail", RECEIVED),
            producer(story, "ReadShelf", RETURNED, schedule=Cron("*/10 * * * *")),
        ]
        story.deploy(shipping(story, producers=reads, tells=False))
        story.trouble("ReadMail.poll", _reads("1", "2"), None, _reads(), _reads("2", "3"))
        for seconds in (0, 299, 1, 300, 3600):
            story.works(after=seconds)
        story.press("olga", pause_workflow, "ship")
        story.works(after=3600)
        story.press("olga", resume_workflow, "ship")
        story.works()


def test_polls_that_fail(tell: Tell) -> None:
    with tell() as story:
        reads = [
            producer(story, "ReadMail", RECEIVED, schedule=Every(seconds=30)),
            producer(story, "ReadShelf", RECEIVED),
        ]
        story.begins_with(shipping(story, producers=reads, tells=False))
        story.works()
        away = TransientError("the post is away")
        story.trouble("ReadMail.poll", away, ValueError("no such letter"), away, None, away)
        story.publish(RECEIVED, ("9", order("a")))
        for seconds in (30, 8, 1, 18, 30, 30, 9):
            story.works(after=seconds)
        story.press("olga", run_producers_now, "ship", "the post is back")
        story.works()


def test_polls_of_two_workflows(tell: Tell) -> None:
    with tell() as story:
        reads = [producer(story, "ReadMail", RECEIVED)]
        pays = paying(story)
        pays.producers = [producer(story, "ReadBank", "invoice.received")]
        story.begins_with(shipping(story, producers=reads, tells=False), pays)
        story.works()
        story.press("olga", run_producers_now, "pay", "invoices have come")
        story.works(after=1)
        story.works(after=299)


class _Moody:
    """A schedule of an author's own that answers once."""

    def first_at(self, now: datetime) -> datetime:
        return now

    def next_after(self, now: datetime) -> datetime:
        raise LookupError("no calendar for next year")


def test_a_schedule_that_fails_holds_up_nobody(tell: Tell) -> None:
    with tell() as story:
        reads = [producer(story, "ReadMail", RECEIVED, schedule=_Moody())]
        story.begins_with(shipping(story, producers=reads, tells=False))
        story.publish(RECEIVED, ("9", order("a")))
        story.works()
        story.publish(RECEIVED, ("10", order("a")))
        story.works(after=9)
