"""Old and new code side by side while a deploy is under way (P6): each run has one version."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.outside import Outside
from tests.engine.stage import (
    NOW,
    RECEIVED,
    SHIPPED,
    Deploy,
    calling,
    code,
    consumer,
    fresh,
    host,
    last_run,
    producer,
    row,
    runs,
    send,
    status_of,
    take_one,
)
from workflows_app import registry
from workflows_app.engine.advancing import advance
from workflows_app.engine.versions import sync
from workflows_app.models import Event
from workflows_app.sdk import (
    EventRecord,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
    Reconciliation,
    Workflow,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


def _versions() -> list[tuple[str, str]]:
    return [(str(run.version), run.status) for run in runs()]


def _left_to_others(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and "left_to_others" in record.getMessage()
    ]


@pytest.mark.parametrize("here", ["1.0", "2.0"])
def test_a_worker_with_other_code_leaves_the_workflow_to_others_and_says_so(
    deploy: Deploy, caplog: pytest.LogCaptureFixture, here: str
) -> None:
    deploy(code(consumer()))
    deploy(code(consumer(), version="1.1"))
    send()
    with registry.override(code(consumer(), version=here)):
        for _ in range(3):
            assert advance(row().pk).steps == 0

    assert _left_to_others(caplog) == [
        f"workflow.left_to_others workflow=ship active=1.1 here={here}"
    ]
    assert (status_of("1"), row().lease.token) == ("pending", 0)


def test_a_worker_without_the_code_leaves_the_workflow_to_others_and_says_so_seldom(
    deploy: Deploy, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, ahead, said = time.monotonic, [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock() + ahead[0])
    for version, seconds in (("1.0", 0), ("1.0", 500), ("1.1", 501), ("1.1", 1000), ("1.1", 1102)):
        ahead[0] = seconds
        sync(code(consumer(), version=version), now=NOW)
        assert advance(row().pk).steps == 0
        said.append(len(_left_to_others(caplog)))

    assert said == [1, 1, 2, 2, 3]
    last = "workflow.left_to_others workflow=ship active=1.1 here=none"
    assert _left_to_others(caplog)[-1] == last


def _deployed_while(act_fails: bool, new: type[Workflow]) -> type[Workflow]:
    """Return a workflow during whose first `next` the version `new` becomes active."""

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        sync(new, now=NOW)
        if act_fails:
            raise ValueError("a typo")
        ctx.publish(SHIPPED, message_id="x", payload=0)

    return code(consumer(next=next))


def test_a_deploy_in_the_middle_of_a_run_lets_it_end_and_stops_there(
    deploy: Deploy, caplog: pytest.LogCaptureFixture
) -> None:
    new = code(consumer(), version="1.1")
    deploy(_deployed_while(False, new))
    send("1")
    send("2")
    assert advance(row().pk, clock=lambda: NOW).steps == 1

    assert (status_of("1"), status_of("x", SHIPPED), status_of("2")) == (
        "consumed",
        "pending",
        "pending",
    )
    assert _left_to_others(caplog) == ["workflow.left_to_others workflow=ship active=1.1 here=1.0"]
    assert row().lease.next_due_at is not None, "it is due, for a worker that has the new code"

    deploy(new)
    host()
    assert _versions() == [("1.0", "committed"), ("1.1", "committed")]


def test_a_run_that_fails_under_old_code_during_the_deploy_is_tried_with_the_new(
    deploy: Deploy,
) -> None:
    new = code(consumer(), version="1.1")
    deploy(_deployed_while(True, new))
    event = send()
    host()
    assert (last_run().status, last_run().retry_due_at) == ("failed", NOW)

    deploy(new)
    host()
    assert _versions() == [("1.0", "failed"), ("1.1", "committed")]
    assert fresh(event).status == "consumed"


def test_an_event_that_a_deploy_puts_into_another_lane_is_not_taken_in_its_old_one(
    deploy: Deploy,
) -> None:
    new = code(consumer(lane=lambda event: "new"), version="1.1")

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        taken = take_one(ctx, state)
        sync(new, now=NOW)
        return taken

    deploy(code(consumer(prepare)))
    event = send()
    advance(row().pk, clock=lambda: NOW)
    assert (fresh(event).lane, fresh(event).status) == ("new", "pending")

    deploy(new)
    host()
    assert (last_run().lane, status_of("1")) == ("new", "consumed")


def test_what_old_code_says_of_a_lane_during_the_deploy_does_not_count(deploy: Deploy) -> None:
    new = code(consumer(lane=lambda event: "new"), version="1.1")

    def lane(event: EventRecord) -> str:
        sync(new, now=NOW)
        return "old"

    deploy(code(consumer(lane=lane)))
    with registry.override(code(consumer(), version="9.9")):
        event = send()
    advance(row().pk, clock=lambda: NOW)
    assert fresh(event).lane is None

    deploy(new)
    host()
    assert (last_run().lane, status_of("1")) == ("new", "consumed")


@pytest.mark.parametrize("phase", ["next", "poll"])
def test_what_old_code_publishes_during_the_deploy_goes_into_the_lanes_of_the_new(
    deploy: Deploy, phase: str
) -> None:
    def version(number: str, lane: str, publishes: Callable[..., None]) -> type[Workflow]:
        ship = consumer(
            next=publishes if phase == "next" else None,
            lane=lambda event: lane,
            publishes=[RECEIVED],
        )
        imports = [producer(publishes)] if phase == "poll" else []
        return code(ship, *imports, version=number)

    def publishes(ctx: Any, *_: Any) -> None:
        send("changed", 1)
        sync(new, now=NOW)
        ctx.publish(RECEIVED, message_id="new", payload=0)
        ctx.publish(RECEIVED, message_id="changed", payload=2)

    new = version("1.1", "of the new", lambda *_: None)
    deploy(version("1.0", "of the old", publishes))
    if phase == "next":
        send("1")
    advance(row().pk, clock=lambda: NOW)
    published = Event.objects.filter(message_id__in=["new", "changed"])
    assert [(event.lane, event.status) for event in published] == [(None, "pending")] * 2

    deploy(new)
    host()
    assert [(event.lane, event.status) for event in published.all()] == [
        ("of the new", "consumed")
    ] * 2


@pytest.mark.django_db(transaction=True)
def test_a_run_that_old_code_asked_about_is_that_codes_and_is_tried_with_the_new(
    deploy: Deploy,
) -> None:
    outside = Outside(Reconciliation.applied({"number": 1}))
    new = calling(outside.mutator, version="1.1")
    outside.meanwhile = lambda: sync(new, now=NOW)

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        raise ValueError("a typo")

    deploy(calling(outside.mutator, next))
    event = send()
    host()
    assert (last_run().status, last_run().retry_due_at) == ("failed", NOW)

    deploy(new)
    host()
    assert _versions() == [("1.0", "failed"), ("1.1", "committed")]
    assert (fresh(event).status, len(outside.sent), len(outside.asked)) == ("consumed", 1, 1)
