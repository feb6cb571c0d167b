"""A worker keeps a workflow for a moment after its last run, and takes no place of others by it (P2, P8)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.engine.hosts import Door, Start, with_lanes
from tests.engine.stage import RECEIVED, Deploy, code, consumer, row, send, statuses
from tests.eventually import eventually
from workflows_app.models import Event
from workflows_app.publishing import publish
from workflows_app.sdk import PrepareContext, PrepareResult, TransientError

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_comes_or_is_due_soon_after_finds_its_workflow_claimed(
    start: Start, deploy: Deploy
) -> None:
    has_failed = threading.Event()

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        [event] = ctx.peek(RECEIVED, limit=1)
        if event.message_id == "3" and not has_failed.is_set():
            has_failed.set()
            raise TransientError("busy")
        return PrepareResult([event])

    deploy(code(consumer(prepare), policy={"backoff_initial_seconds": 0.5}))
    send("1")
    host = start(at_once=4)
    host.linger_seconds = 60
    done = host.take(row().pk)
    eventually(statuses, {"1": "consumed"})
    token = row().lease.token

    send("2")
    host.look(row().pk)
    eventually(statuses, {"1": "consumed", "2": "consumed"})
    send("3")
    host.look(row().pk)
    eventually(lambda: statuses()["3"], "consumed")
    assert has_failed.is_set()
    assert not done.done()
    assert host.stop(within_seconds=10)
    assert done.done()
    assert (row().lease.token, row().lease.holder) == (token, "")


def test_a_workflow_that_lingers_is_given_back_in_time(start: Start, deploy: Deploy) -> None:
    """A moment later, or when as many linger as may."""
    names = [f"packing-{number}" for number in range(3)]
    for name in names:
        deploy(code(consumer(), slug=name))
        publish(workflow=name, topic=RECEIVED, message_id="1", payload="a")
    host = start(at_once=8)
    host.linger_seconds = 60
    done = [host.take(row(name).pk) for name in names]

    eventually(lambda: sum(one.done() for one in done), 1)
    given_back = [row(name).lease.holder == "" for name in names]
    assert given_back == [one.done() for one in done]
    host.linger_seconds = 0.2
    name = names[given_back.index(True)]
    publish(workflow=name, topic=RECEIVED, message_id="2", payload="a")
    host.take(row(name).pk).result(timeout=30)
    assert not Event.objects.filter(status="pending").exists()


def test_a_workflow_does_not_linger_in_the_last_place(
    start: Start, deploy: Deploy, door: Door
) -> None:
    names = [f"packing-{number}" for number in range(3)]
    for name in names:
        deploy(with_lanes(door, name))
        publish(workflow=name, topic=RECEIVED, message_id="1", payload="a")
    deploy(code(consumer()))
    send("2")
    host = start(at_once=4)
    host.linger_seconds = 60
    for name in names:
        host.take(row(name).pk)
    eventually(lambda: len(door.entered), len(names))

    host.take(row().pk).result(timeout=10)
    assert statuses()["2"] == "consumed"
    door.open()
