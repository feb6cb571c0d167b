"""What `registered()` and `drain()` do: a block in which workflows live, and a host that comes to rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.unit.declarations import consumer, producer, workflow
from workflows_app import registry
from workflows_app.errors import DefinitionError, SyncRefused
from workflows_app.models import Event, Run, Workflow
from workflows_app.publishing import publish
from workflows_app.sdk import EventRecord, PrepareResult
from workflows_app.testing import drain, registered

pytestmark = pytest.mark.django_db


def test_registered_syncs_for_a_block_and_leaves_the_rows() -> None:
    with registered(workflow(slug="a"), workflow(slug="b")):
        rows = Workflow.objects.order_by("slug")
        assert [(row.slug, str(row.active_version)) for row in rows] == [("a", "1.0"), ("b", "1.0")]
        assert registry.get("a") is not None

    assert registry.get("a") is None
    assert Workflow.objects.count() == 2


def test_registered_refuses_what_register_and_sync_refuse() -> None:
    with pytest.raises(DefinitionError), registered(workflow(version="1")):
        raise AssertionError("the block must not begin")
    with registered(workflow(version="2.0")):
        pass
    with pytest.raises(SyncRefused) as refused, registered(workflow(version="1.0")):
        raise AssertionError("the block must not begin")
    assert refused.value.code == "lower_version"
    assert registry.get("flow") is None


def test_drain_tells_how_many_steps_it_took_and_then_rests() -> None:
    with registered(workflow(consumers=[])):
        assert drain("flow", max_steps=1) == 1
        assert drain("flow") == 0
        assert drain("flow", now=timezone.now() + timedelta(hours=2)) == 1


def test_drain_lets_the_host_live_at_the_given_moment() -> None:
    seen = []

    def poll(self: Any, ctx: Any, state: Any) -> None:
        seen.append(ctx.now)

    moment = datetime(2030, 1, 1, tzinfo=UTC)
    with registered(workflow(producers=[producer(poll=poll)], consumers=[])):
        drain(now=moment)

    assert seen == [moment]
    assert Run.objects.get().ended_at == moment


def test_drain_with_a_slug_leaves_the_others_alone() -> None:
    with registered(workflow(slug="a", consumers=[]), workflow(slug="b", consumers=[])):
        assert drain("a") == 1
        assert set(Run.objects.values_list("workflow__slug", flat=True)) == {"a"}
        assert drain() == 1
        assert set(Run.objects.values_list("workflow__slug", flat=True)) == {"a", "b"}


def test_drain_names_a_workflow_that_was_never_synced() -> None:
    with pytest.raises(AssertionError) as refused:
        drain("flaw")

    assert str(refused.value) == ("No workflow 'flaw' was synced: use registered() around drain().")
    assert drain() == 0, "of no workflow in particular there is nothing to do"


def take_one(self: Any, ctx: Any, state: Any) -> PrepareResult:
    return PrepareResult(ctx.peek("in", limit=1))


def publish_another(self: Any, ctx: Any, prepared: PrepareResult, outcome: Any) -> None:
    events: tuple[EventRecord, ...] = prepared.reservations
    for event in events:
        ctx.publish("in", message_id=f"{int(event.message_id) + 1}", payload=None)


def test_drain_gives_up_on_a_workflow_that_never_comes_to_rest() -> None:
    endless = consumer(prepare=take_one, publishes=["in"], next=publish_another)
    with registered(workflow(producers=[], consumers=[endless])):
        publish(workflow="flow", topic="in", message_id="0", payload=None)
        with pytest.raises(AssertionError) as refused:
            drain("flow", max_steps=5)

    assert str(refused.value) == (
        "drain() did not come to rest within 5 steps; workflow 'flow' still had something to do."
    )
    assert Event.objects.filter(status="consumed").count() == 6
