"""Producers: when they are due, what they register and publish, what they remember (P2, P5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    NOW,
    RECEIVED,
    Deploy,
    after,
    calling,
    code,
    consumer,
    host,
    last_run,
    mutator,
    producer,
    reasons,
    row,
    runs,
    send,
    status_of,
)
from workflows_app.engine.versions import sync
from workflows_app.models import Event, Handler, Input, LaneState
from workflows_app.registry import override
from workflows_app.sdk import Cron, Every, MutationCall, PollContext, Reconciliation
from workflows_app.sdk.json_values import copied
from workflows_app.sdk.schedules import Schedule
from workflows_app.testing import drain

pytestmark = pytest.mark.django_db


class _Polls(list[datetime]):
    """A `poll` that records when it ran."""

    def __call__(self, ctx: PollContext, state: Any) -> Any:
        self.append(ctx.now)
        return {"polls": len(self)}


def _due_at() -> datetime | None:
    return Handler.objects.get(kind="producer").wake_at


def test_a_producer_is_due_at_once_and_then_after_its_interval(deploy: Deploy) -> None:
    polls = _Polls()
    deploy(code(producer(polls, Every(minutes=5))))
    host()
    assert (polls, _due_at(), row().lease.next_due_at) == ([NOW], after(300), after(300))

    assert host(299) == 0
    host(300)
    assert polls == [NOW, after(300)]


def test_intervals_that_were_missed_are_one_run(deploy: Deploy) -> None:
    polls = _Polls()
    deploy(code(producer(polls, Every(minutes=5))))
    host()
    host(3601)

    assert (polls, _due_at()) == ([NOW, after(3601)], after(3901))


def test_a_cron_producer_waits_for_its_time(deploy: Deploy) -> None:
    polls = _Polls()
    deploy(code(producer(polls, Cron("30 * * * *"))))
    LaneState.objects.update(wake_at=after(1800))

    assert host(1799) == 0
    host(1800)
    host(4 * 3600)
    assert polls == [after(1800), after(4 * 3600)], "what was missed meanwhile is one run"
    assert _due_at() == after(4.5 * 3600)


@pytest.mark.parametrize(
    ("schedule", "first_at"),
    [
        (Every(days=1), datetime(2026, 3, 1, 9, 7, tzinfo=UTC)),
        (Cron("0 10 * * *"), datetime(2026, 3, 1, 10, 0, tzinfo=UTC)),
    ],
)
def test_a_new_producer_is_first_due_as_its_schedule_says(
    schedule: Schedule, first_at: datetime
) -> None:
    sync(code(producer(_Polls(), schedule)), now=datetime(2026, 3, 1, 9, 7, tzinfo=UTC))

    assert _due_at() == first_at


def test_a_new_schedule_holds_at_once_and_puts_off_nothing(deploy: Deploy) -> None:
    deploy(code(producer(_Polls(), Every(hours=5))))
    host()
    assert _due_at() == after(5 * 3600)

    for minute, version in (("30", "1.1"), ("45", "1.2")):
        sync(code(producer(_Polls(), Cron(f"{minute} * * * *")), version=version), now=NOW)
        assert _due_at() == after(1800)


@pytest.mark.parametrize(
    ("of_workflow", "of_cron"), [("Asia/Kolkata", ""), ("Europe/Berlin", "Asia/Kolkata")]
)
def test_a_cron_goes_by_its_own_clock_or_that_of_the_workflow_s_time_zone(
    of_workflow: str, of_cron: str
) -> None:
    in_india = code(producer(_Polls(), Cron("0 9 * * *", of_cron)))
    in_india.time_zone = of_workflow
    first = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    with override(in_india):
        sync(in_india, now=first - timedelta(hours=1))
        assert _due_at() == first

        drain(now=first)
        assert _due_at() == first + timedelta(days=1)


def test_what_a_producer_returns_is_its_state(deploy: Deploy) -> None:
    states: list[Any] = []

    def poll(ctx: PollContext, state: Any) -> Any:
        states.append(copied(state))
        state = state or {"page": 0}
        state["page"] += 1
        if len(states) == 2:
            # What it did to the state is not kept.
            raise ConnectionError
        return state

    deploy(code(producer(poll)))
    for seconds in (0, 300, 600):
        host(seconds)

    assert states == [None, {"page": 1}, {"page": 1}]
    assert Handler.objects.get().state == {"page": 2}


def test_a_registered_input_is_the_cause_of_what_is_published_for_it(deploy: Deploy) -> None:
    def poll(ctx: PollContext, state: Any) -> Any:
        mail = ctx.register_input(source="imap", type="mail", id="<7@acme>", title="Two orders")
        ctx.publish(RECEIVED, message_id="1", payload="a", input=mail)
        ctx.publish(RECEIVED, message_id="2", payload="b", input=mail)
        ctx.register_input(source="imap", type="mail", id="<8@acme>")

    deploy(code(producer(poll)))
    host()
    host(300)
    first, second = Event.objects.order_by("pk")

    assert (first.inputs.get(), second.inputs.get()) == (Input.objects.earliest("pk"),) * 2
    assert list(
        Input.objects.order_by("pk").values_list("source", "type", "external_id", "title")
    ) == [("imap", "mail", "<7@acme>", "Two orders"), ("imap", "mail", "<8@acme>", "")]
    assert first.created_by == runs()[0]
    assert reasons(first) == [("pending", f"published by run {runs()[0].pk}")]


def test_an_event_that_is_published_without_an_input_gets_one_of_its_own(deploy: Deploy) -> None:
    deploy(code(producer(lambda ctx, state: ctx.publish(RECEIVED, message_id="7", payload=0))))
    host()
    cause = Event.objects.get().inputs.get()

    assert (cause.source, cause.type, cause.external_id, cause.title) == ("app", RECEIVED, "7", "7")


def test_what_a_producer_publishes_goes_to_the_consumer_at_once(deploy: Deploy) -> None:
    # With a topic of the same name.
    others = [code(consumer(), slug=slug) for slug in ("before", "zz-after")]
    deploy(others[0])
    deploy(
        code(
            producer(lambda ctx, state: ctx.publish(RECEIVED, message_id="7", payload=0)),
            consumer(),
        )
    )
    deploy(others[1])
    host()

    assert [run.handler.name for run in runs()] == ["Import", "Ship"]
    assert status_of("7") == "consumed"


def test_consumers_come_before_producers(deploy: Deploy) -> None:
    deploy(code(producer(_Polls()), consumer()))
    send()
    host()

    assert [run.handler.name for run in runs()] == ["Ship", "Import"]


def test_the_producer_that_is_due_longest_comes_first(deploy: Deploy) -> None:
    deploy(code(*(producer(_Polls(), name=name) for name in ("Alpha", "Beta", "Gamma"))))
    for name, seconds in (("Alpha", 20), ("Beta", 30), ("Gamma", 10)):
        LaneState.objects.filter(handler__name=name).update(wake_at=after(seconds))
    host(30)

    assert [run.handler.name for run in runs()] == ["Gamma", "Alpha", "Beta"]


@pytest.fixture
def waiting(deploy: Deploy) -> _Polls:
    """A workflow that asks about an unknown outcome, with a producer that polls every two seconds."""
    polls = _Polls()
    outside = Outside(RETRY, Reconciliation.applied())
    ship = consumer(mutate=lambda prepared: MutationCall(outside.mutator, {}))
    deploy(code(ship, producer(polls, Every(seconds=2)), calls=[outside.mutator]))
    send()
    host()
    return polls


def test_an_unknown_outcome_of_a_consumer_does_not_stop_a_producer(waiting: _Polls) -> None:
    host(2)
    host(4)

    assert waiting == [NOW, after(2), after(4)]


def test_what_was_due_while_nobody_looked_coalesces(waiting: _Polls) -> None:
    host(9)

    assert waiting == [NOW, after(9)]


def test_a_producer_changes_nothing_outside(deploy: Deploy) -> None:
    called = mutator(lambda params, key: pytest.fail("nothing may be sent"))
    deploy(code(producer(lambda ctx, state: MutationCall), consumer(), calls=[called]))
    host()

    assert (last_run().status, last_run().failure_message) == (
        "failed",
        "state is not JSON: type has no JSON form.",
    )


def test_only_the_workflow_with_an_unknown_outcome_waits(deploy: Deploy) -> None:
    outside = Outside(RETRY)
    deploy(calling(outside.mutator))
    polls = _Polls()
    deploy(code(producer(polls), slug="other"))
    send()
    host()
    host(slug="other")

    assert (last_run().status, polls) == ("reconciling", [NOW])
