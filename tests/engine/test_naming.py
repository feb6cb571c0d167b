"""A `lane` that never returns holds up its own event only, and no turn is taken meanwhile (P8)."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from tests.engine.stage import NOW, Deploy, by_lane, code, consumer, fresh, host, row, send
from tests.engine.worker import never, work
from workflows_app import registry
from workflows_app.engine.claims import Claim
from workflows_app.engine.holding import Holding
from workflows_app.engine.items import Naming
from workflows_app.engine.naming import NamingJob
from workflows_app.engine.versions import sync
from workflows_app.errors import SyncRefused
from workflows_app.models import Event
from workflows_app.sdk import Mutator, Workflow
from workflows_app.sdk.values import EventRecord
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]

#: Long enough for any machine: no test that passes waits for it.
PATIENCE_SECONDS = 20.0


def _hanging(
    released: threading.Event, version: str = "1.0", *calls: type[Mutator], asked_in: Any = None
) -> type[Workflow]:
    """Return a workflow that never names the lane of the event `hangs`. `asked_in`: gets the threads."""

    def lane(event: EventRecord) -> str:
        if asked_in is not None:
            asked_in.add(threading.get_ident())
        if event.message_id == "hangs":
            released.wait(PATIENCE_SECONDS)
        return event.message_id

    policy = {"handler_timeout_seconds": 1.0}
    return code(consumer(lane=lane), calls=calls, version=version, policy=policy)


def _publish(*message_ids: str) -> None:
    """Publish events whose lanes a publisher without the code can't name."""
    with registry.override(code(consumer(), version="9.9")):
        for message_id in message_ids:
            send(message_id)


def _lanes() -> dict[str, tuple[str | None, str]]:
    return {event.message_id: (event.lane, event.status) for event in Event.objects.order_by("pk")}


def test_a_lane_that_hangs_is_given_up_and_the_others_are_named(
    deploy: Deploy, released: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    deploy(_hanging(released))
    _publish("before", "hangs", "after")
    hangs = Event.objects.get(message_id="hangs").pk
    work(never)

    assert _lanes() == {
        "before": ("before", "consumed"),
        "hangs": (None, "pending"),
        "after": ("after", "consumed"),
    }
    told = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert told == [f"event.lane_hung event={hangs} seconds=1"]


def test_each_lane_has_the_time_of_a_handler_of_its_own(deploy: Deploy) -> None:
    ends: list[float] = []

    def lane(event: EventRecord) -> str:
        ends.append(job.ends_at)
        return "any"

    deploy(flow := code(consumer(lane=lane)))
    _publish("1", "2", "3")
    holding = Holding(Claim(row().pk, 1, ""), row(), flow)
    holding.read()
    told: list[Naming] = []
    job = NamingJob(holding, list(Event.objects.order_by("pk")), tell=told.append)
    until = job.ends_at
    job.run()

    assert len(told[0].said) == 3
    assert [until, *ends] == sorted({until, *ends})


def test_a_worker_that_waits_for_a_lane_takes_few_turns(
    deploy: Deploy, released: threading.Event
) -> None:
    deploy(_hanging(released))
    _publish("hangs")
    with CaptureQueriesContext(connection) as queries:
        work(never)

    turns = [query for query in queries if query["sql"].startswith("BEGIN")]
    assert len(turns) < 30, "in a second at most one each 50 ms, and a few before and after"


def test_another_version_whose_lane_hangs_is_refused_and_another_one_goes_on(
    deploy: Deploy, released: threading.Event
) -> None:
    lost = scripted("lost")
    deploy(by_lane(lost))
    send("first", "held")
    host()
    for message_id in ("before", "hangs", "after"):
        send(message_id, "held")
    with pytest.raises(SyncRefused) as refused:
        sync(_hanging(released, "1.1", lost, asked_in=(threads := set())), now=NOW)

    assert len(threads) == 1, "of a million events too"
    assert str(refused.value) == (
        "ship 1.1: Ship.lane can't name the lane of event 'hangs' of topic 'order.received': it took"
        " longer than 1 s. It must return a text of at most 200 characters. Mend it, or use"
        " --accept-orphans: such events wait for other code."
    )
    pending = {name: lane for name, (lane, status) in _lanes().items() if status == "pending"}
    assert pending == dict.fromkeys(["before", "hangs", "after"], "held")

    sync(_hanging(released, "1.1", lost), now=NOW, accept_orphans=True)
    pending = {name: lane for name, (lane, status) in _lanes().items() if status == "pending"}
    assert pending == dict.fromkeys(["before", "hangs", "after"])


def test_what_changes_while_another_version_names_lanes_is_named_as_it_is_then(
    deploy: Deploy,
) -> None:
    deploy(by_lane(lost := scripted("lost")))
    send("1", "acme")
    host()
    event = send("2", "acme")

    def lane(event: EventRecord) -> str:
        if event.payload == "acme":
            send("2", "changed")
            connections.close_all()
        return f"{event.payload} anew"

    newer = code(consumer(lane=lane), calls=[lost], version="1.1")
    with registry.override(newer):
        sync(newer, now=NOW)
        host()
    assert (fresh(event).lane, fresh(event).status) == ("changed anew", "consumed")
