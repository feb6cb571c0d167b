"""A `lane` that never returns holds up its own event only, and no turn is taken meanwhile (P8)."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.engine.stage import Deploy, code, consumer, send
from tests.engine.worker import never, work
from workflows_app import registry
from workflows_app.models import Event
from workflows_app.sdk import Workflow
from workflows_app.sdk.values import EventRecord

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]

#: Long enough for any machine: no test that passes waits for it.
PATIENCE_SECONDS = 20.0


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What a `lane` can wait for that shall outlive its limit. Set at the end, whatever happens."""
    event = threading.Event()
    yield event
    event.set()


def _hanging(released: threading.Event) -> type[Workflow]:
    """Return a workflow that never names the lane of the event `hangs`."""

    def lane(event: EventRecord) -> str:
        if event.message_id == "hangs":
            released.wait(PATIENCE_SECONDS)
        return event.message_id

    return code(consumer(lane=lane), policy={"handler_timeout_seconds": 1.0})


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


def test_a_worker_that_waits_for_a_lane_takes_few_turns(
    deploy: Deploy, released: threading.Event
) -> None:
    deploy(_hanging(released))
    _publish("hangs")
    with CaptureQueriesContext(connection) as queries:
        work(never)

    turns = [query for query in queries if query["sql"].startswith("BEGIN")]
    assert len(turns) < 30, "in a second at most one each 50 ms, and a few before and after"
