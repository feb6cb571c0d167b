"""trace ends, however long the story: at a depth and at a number, and says that there is more (P5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.commands.console import Ran, run
from tests.scenes import Scene, workflow_with
from workflows_app.models import Event, EventInput
from workflows_app.publishing import publish
from workflows_app.queries.lineage import LIMIT
from workflows_app.sdk import Consumer, NextContext, PrepareContext, PrepareResult
from workflows_app.testing import registered, scripted

pytestmark = pytest.mark.django_db

SceneMaker = Callable[..., Scene]


class Echo(Consumer):
    """Publishes the next number to its own topic, up to 12."""

    subscribes = ["number"]
    publishes = ["number"]

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        return PrepareResult(ctx.peek("number", limit=1))

    def next(self, ctx: NextContext, prepared: PrepareResult, outcome: Any) -> Any:
        for event in prepared.reservations:
            if event.payload < 12:
                following = event.payload + 1
                ctx.publish("number", message_id=str(following), payload=following)
        return None


def test_a_workflow_that_feeds_itself_is_cut_at_the_depth(scene: SceneMaker) -> None:
    echo = workflow_with(scripted(), "echo")
    echo.consumers, echo.producers = [Echo], []
    with registered(echo):
        publish(workflow="echo", topic="number", message_id="1", payload=1)
        Scene(scripted(), "echo").run_host()
    first, *_, last = Event.objects.order_by("pk")
    assert Event.objects.count() == 12

    forth = run("trace", "event", first.pk, "--depth", 4).lines
    assert [line.split(":")[0].split()[0] for line in forth[3:]] == [
        "led",
        "run",
        "event",
        "run",
        "event",
    ]
    assert forth[-1] == f"          event {first.pk + 2}: number 3, consumed (there is more)"
    back = came_of(run("trace", "event", last.pk))
    assert back[-1].endswith("(there is more)")
    assert sum("event" in line for line in back) == 11
    whole = came_of(run("trace", "event", last.pk, "--depth", 1000))
    assert f"event {first.pk}: number 1, consumed" in [line.strip() for line in whole]
    assert not any("there is more" in line for line in whole)


def came_of(ran: Ran) -> list[str]:
    return ran.lines[: ran.lines.index("  led to")]


def test_more_than_the_limit_is_marked(scene: SceneMaker) -> None:
    scene()
    first = publish(workflow="pay", topic="invoice.paid", message_id="first", payload=1)
    cause = first.inputs.get()
    others = Event.objects.bulk_create(
        Event(topic=first.topic, message_id=str(number), payload=1) for number in range(LIMIT)
    )
    EventInput.objects.bulk_create(EventInput(event=event, input=cause) for event in others)

    lines = run("trace", "input", cause.pk).lines

    assert lines[0].endswith(" (there is more)")
    assert len(lines) == 2 + LIMIT
