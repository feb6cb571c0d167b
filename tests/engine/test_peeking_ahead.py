"""What a run will probably peek at is read as it begins; what is true counts, not that (P2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import RECEIVED, Deploy, code, consumer, host, runs, send, status_of
from workflows_app.models import Event
from workflows_app.operations import skip_event
from workflows_app.sdk import PrepareContext, PrepareResult

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


def _takes_the_oldest(
    deploy: Deploy, *limits: int, meanwhile: Callable[[], Any] | None = None
) -> list[list[str]]:
    """Deploy a consumer that peeks at so many in turn; return what it is offered, look by look.

    `meanwhile` happens after the second run began, and before it looks.
    """
    looks: list[list[str]] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        if meanwhile is not None and len(looks) == 1:
            meanwhile()
        events = ctx.peek(RECEIVED, limit=limits[min(len(looks), len(limits) - 1)])
        looks.append([event.message_id for event in events])
        return PrepareResult(events[:1])

    deploy(code(consumer(prepare)))
    return looks


def test_a_consumer_that_asks_for_something_else_gets_that(deploy: Deploy) -> None:
    looks = _takes_the_oldest(deploy, 1, 3, 2)
    for message_id in "12345":
        send(message_id)
    host()

    assert looks[:5] == [["1"], ["2", "3", "4"], ["3", "4"], ["4", "5"], ["5"]]
    assert {run.status for run in runs()} == {"committed"}


def test_only_the_first_look_of_a_run_may_be_old(deploy: Deploy) -> None:
    looks: list[list[str]] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED)
        if len(looks) == 2:
            send("3")
        looks.extend(
            [event.message_id for event in found] for found in (events, ctx.peek(RECEIVED))
        )
        return PrepareResult(events[:1])

    deploy(code(consumer(prepare)))
    send("1")
    send("2")
    host()

    assert looks[:4] == [["1", "2"], ["1", "2"], ["2"], ["2", "3"]]


def test_what_comes_after_a_run_began_is_left_to_the_next_one(
    deploy: Deploy,
) -> None:
    looks = _takes_the_oldest(deploy, 9, meanwhile=lambda: send("3"))
    send("1")
    send("2")
    host()

    assert looks[:3] == [["1", "2"], ["2"], ["3"]]
    assert [status_of(message_id) for message_id in "123"] == ["consumed"] * 3


def test_what_was_skipped_after_a_run_began_is_not_reserved(
    deploy: Deploy, operator_user: User
) -> None:
    def skip() -> None:
        skip_event(Event.objects.get(message_id="2"), actor=operator_user, reason="cancelled")

    looks = _takes_the_oldest(deploy, 9, meanwhile=skip)
    for message_id in "123":
        send(message_id)
    host()

    assert looks[:3] == [["1", "2", "3"], ["2", "3"], ["3"]]
    assert [status_of(message_id) for message_id in "123"] == ["consumed", "skipped", "consumed"]


def test_what_was_changed_after_a_run_began_is_reserved_as_it_is_now(
    deploy: Deploy,
) -> None:
    looks = _takes_the_oldest(deploy, 9, meanwhile=lambda: send("2", "new"))
    send("1")
    send("2", "old")
    host()

    assert looks[:3] == [["1", "2"], ["2"], ["2"]]
    event = Event.objects.get(message_id="2")
    assert (event.status, event.payload, event.revision) == ("consumed", "new", 2)
