"""The server hangs up while a thread of the worker writes: a poll, a `record`, a late answer (P1, P2, P3)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group

from tests.away.afterwards import violations
from tests.away.brakes import Brakes
from tests.away.databases import Database, serving
from tests.away.relay import Relay
from tests.engine.stage import SLUG, calling, host, last_run, mutator, send
from tests.rivals import Rival
from workflows_app.engine.advancing import advance
from workflows_app.models import Event, Evidence, LaneState
from workflows_app.models import Workflow as WorkflowRow
from workflows_app.publishing import publish
from workflows_app.sdk import (
    Consumer,
    Every,
    MutationCall,
    MutationOutcome,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
    Producer,
    Workflow,
)
from workflows_app.testing import registered, scripted

COMMIT = {"pay": "commit"}
called = scripted("applied")


class Find(Producer):
    """Finds invoice 42, and counts its polls."""

    publishes = ["invoice.received"]
    schedule = Every(hours=1)

    def poll(self, ctx: PollContext, state: Any) -> Any:
        ctx.publish("invoice.received", message_id="42", payload={})
        return {"polls": (state or {}).get("polls", 0) + 1}


class Pay(Consumer):
    """Pays one invoice a run, and keeps a row of its own, which can't be there twice."""

    subscribes = ["invoice.received"]
    publishes = ["invoice.paid"]

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        return PrepareResult(ctx.peek("invoice.received", limit=1))

    def mutate(self, prepared: PrepareResult) -> MutationCall:
        return MutationCall(called, {"invoice": prepared.reservations[0].message_id})

    def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        if outcome.status == "applied":
            paid = prepared.reservations[0].message_id
            ctx.publish("invoice.paid", message_id=paid, payload={})
        return None

    def record(self, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        Group.objects.create(name=f"Paid {prepared.reservations[0].message_id}")


class Payments(Workflow):
    slug = "pay"
    title = "Pay what is found"
    version = "1.0"
    producers = [Find]
    consumers = [Pay]
    mutators = [called]


@pytest.fixture
def workflow(database: Database) -> Iterator[int]:
    """The id of the workflow, in which nothing has happened yet."""
    called.calls.clear()
    with registered(Payments):
        yield WorkflowRow.objects.get(slug="pay").pk


@pytest.fixture
def brakes(database: Database, workflow: int) -> Brakes:
    return Brakes(database)


def test_what_is_cut_off_is_done_again(workflow: int, brakes: Brakes) -> None:
    _is_cut_off(workflow, brakes)
    _all_was_recorded_once("42")
    _publish("43")
    _is_cut_off(workflow, brakes)
    _all_was_recorded_once("42", "43")


def test_that_of_which_only_the_answer_is_lost_is_not_done_again(
    database: Database, workflow: int, brakes: Brakes
) -> None:
    with Relay(database.server.port) as relay, serving(relay.url(database.name)):
        brakes.swallow(COMMIT)
        advance(workflow)
        assert relay.lost == 1
        _all_was_recorded_once("42")
        _publish("43")
        brakes.swallow(COMMIT)
        advance(workflow)
        assert relay.lost == 2
        _all_was_recorded_once("42", "43")


def test_a_late_answer_of_which_only_the_commit_s_answer_is_lost_is_kept_once(
    database: Database,
) -> None:
    released = threading.Event()

    def execute(params: Any, key: str) -> Any:
        assert released.wait(30)
        return {}

    slow = mutator(execute, policy={"call_timeout_seconds": 0.2})
    with registered(calling(slow)):
        brakes = Brakes(database)
        with Relay(database.server.port) as relay, serving(relay.url(database.name)):
            send("1")
            host()
            assert last_run().status == "blocked"
            brakes.swallow({SLUG: "late"})
            released.set()
            for thread in threading.enumerate():
                if thread.name == "workflows-call":
                    thread.join(30)
            assert relay.lost == 1

    assert list(Evidence.objects.values_list("kind", "verdict")) == [
        ("execute", "unknown"),
        ("late", "applied"),
    ]
    assert violations() == []


def _publish(invoice: str) -> None:
    publish(workflow="pay", topic="invoice.received", message_id=invoice, payload={})


def _is_cut_off(workflow: int, brakes: Brakes) -> None:
    """Let the host work, and end its session as soon as a run commits."""
    with brakes.holding(COMMIT) as caught:
        working = Rival(lambda: advance(workflow))
        assert list(caught.one_by_one()) == ["pay"]
        working.result()


def _all_was_recorded_once(*invoices: str) -> None:
    assert [params["invoice"] for params, _key in called.calls] == [*invoices]
    told = Event.objects.order_by("pk").values_list("topic__name", "message_id", "status")
    received = [("invoice.received", invoice, "consumed") for invoice in invoices]
    paid = [("invoice.paid", invoice, "pending") for invoice in invoices]
    assert sorted(told) == sorted(received + paid)
    recorded = Group.objects.filter(name__startswith="Paid").order_by("name")
    assert list(recorded.values_list("name", flat=True)) == [f"Paid {one}" for one in invoices]
    assert LaneState.objects.get(handler__kind="producer").state == {"polls": 1}
    assert violations() == []
