"""How an event comes to its lane: by the code's `lane`, when it is published, changed, offered or deployed (P2)."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import pytest

from tests.engine.stage import (
    RECEIVED,
    SHIPPED,
    SLUG,
    Deploy,
    by_payload,
    code,
    consumer,
    fresh,
    host,
    last_run,
    row,
    send,
    status_of,
)
from workflows_app import registry
from workflows_app.errors import LaneRefused
from workflows_app.models import Event, LaneRefusal
from workflows_app.publishing import publish
from workflows_app.queries.waiting import why_pending
from workflows_app.sdk import MutationOutcome, NextContext, PrepareResult
from workflows_app.sdk.values import EventRecord

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


class Odd(str):
    """A text that is more than a text."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")

    __hash__ = str.__hash__


def test_a_lane_that_raises_refuses_the_publication(deploy: Deploy) -> None:
    def lane(event: EventRecord) -> Any:
        # What it does to its copy is not kept.
        return event.payload.pop("supplier")

    deploy(code(consumer(lane=lane)))
    assert send("1", {"supplier": "acme"}).payload == {"supplier": "acme"}
    with pytest.raises(LaneRefused, match=r"Ship.*'2'.*KeyError"):
        send("2", {})
    for wrong in (5, 0, False, None, [], {}):
        told = rf"received': what it returned must be text, not {type(wrong).__name__}\. It"
        with pytest.raises(LaneRefused, match=told):
            send("3", {"supplier": wrong})
    with pytest.raises(LaneRefused, match="'producer:' begins lanes of producers"):
        send("3", {"supplier": "producer:acme"})
    assert send("3", {"supplier": ""}).lane == ""
    assert [event.lane for event in Event.objects.order_by("pk")] == ["acme", ""]

    deploy(code(consumer(lane=lambda event: Odd("x")), version="1.1"))
    assert send("4", {}).lane == "x"


@pytest.mark.parametrize("meanwhile", [nullcontext(), suppress(LaneRefused)])
def test_next_that_publishes_what_has_no_lane_fails_its_run_also_if_it_catches_the_error(
    deploy: Deploy, meanwhile: AbstractContextManager[None]
) -> None:
    def lane(event: EventRecord) -> str:
        return str(event.payload["supplier"])

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        with meanwhile:
            ctx.publish(SHIPPED, message_id="1", payload={})

    bill = consumer(name="Bill", subscribes=[SHIPPED], publishes=[], lane=lane)
    deploy(code(consumer(next=next), bill))
    send()
    host()

    assert (last_run().status, last_run().failure_kind) == ("failed", "logic")
    assert (status_of("1"), row().topics.get(name=SHIPPED).events.count()) == ("pending", 0)


def _a_publisher_without_the_code() -> AbstractContextManager[None]:
    return registry.override(code(consumer(), version="1.9"))


def test_what_the_code_said_of_an_older_payload_does_not_count(deploy: Deploy) -> None:
    asked: list[Any] = []

    def lane(event: EventRecord) -> str:
        asked.append(event.payload)
        if len(asked) == 1:
            with _a_publisher_without_the_code():
                send("1", "new")
        return str(event.payload)

    deploy(code(consumer(lane=lane)))
    with _a_publisher_without_the_code():
        event = send("1", "old")
    host()

    assert asked == ["old", "new"]
    assert (fresh(event).lane, fresh(event).status) == ("new", "consumed")


@pytest.mark.django_db(transaction=True)
def test_what_new_code_said_of_a_payload_that_changed_during_the_deploy_does_not_count(
    deploy: Deploy,
) -> None:
    first = code(consumer(lane=by_payload))

    def lane(event: EventRecord) -> str:
        if event.payload == "old":
            with registry.override(first):
                send("1", "new")
        return f"{event.payload} lane"

    deploy(first)
    event = send("1", "old")
    deploy(code(consumer(lane=lane), version="1.1"))
    assert (fresh(event).lane, fresh(event).revision) == (None, 2)
    host()

    assert (fresh(event).lane, fresh(event).status) == ("new lane", "consumed")


def test_an_event_whose_lane_cannot_be_named_stays_pending_and_holds_nothing_up(
    deploy: Deploy, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def lane(event: EventRecord) -> str:
        asked.append(event.message_id)
        assert len(asked) < 9, "it is asked again and again"
        if "ends" in event.payload:
            sys.exit("no supplier")
        return str(event.payload["supplier"])

    def deployed(version: str) -> None:
        deploy(code(consumer(lane=lane), version=version))

    deployed("1.0")
    with _a_publisher_without_the_code():
        bad = send("1", {})
        good = send("2", {"supplier": "acme"})
        ending = send("3", {"ends": True})
    host()
    host(10)

    assert (fresh(bad).lane, fresh(bad).status) == (None, "pending")
    assert (fresh(good).lane, fresh(good).status) == ("acme", "consumed")
    assert sorted(asked) == ["1", "2", "3"], (
        "it is asked about each once, whoever claims the workflow"
    )
    assert "it raised SystemExit" in why_pending(fresh(ending))
    told = [one for one in caplog.messages if one.startswith(f"event.lane_refused event={bad.pk}:")]
    why = (
        "Ship.lane can't name the lane of event '1' of topic 'order.received': it raised KeyError."
        " It must return a text of at most 200 characters."
    )
    assert told == [f"event.lane_refused event={bad.pk}: {why}"]
    assert (
        why_pending(fresh(bad)) == f"{why} It is asked again for another payload or by other code."
    )

    with _a_publisher_without_the_code():
        send("1", {"supplier": "best"})
    assert why not in why_pending(fresh(bad)), "that was said of another payload"
    host(20)
    assert (fresh(bad).lane, fresh(bad).status) == ("best", "consumed")
    assert LaneRefusal.objects.get().event == ending


def test_other_code_is_asked_again_for_the_lane_that_the_old_one_did_not_name(
    deploy: Deploy,
) -> None:
    def refused(event: EventRecord) -> str:
        raise KeyError("supplier")

    for slug in ("other", SLUG):
        deploy(code(consumer(lane=refused), slug=slug))
        with registry.override(code(consumer(), version="1.9", slug=slug)):
            event = publish(workflow=slug, topic=RECEIVED, message_id="1", payload={})
        host(slug=slug)
    assert LaneRefusal.objects.filter(event=event).exists()
    deploy(code(consumer(lane=lambda event: "any"), version="1.1"))
    assert LaneRefusal.objects.get().event.topic.workflow.slug == "other", "of its own events"
    host(10)

    assert (fresh(event).lane, fresh(event).status) == ("any", "consumed")
