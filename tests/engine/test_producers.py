"""Producers: when they are due, what they register and publish, what they remember (P2, P5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.engine.stage import (
    RECEIVED,
    Deploy,
    after,
    code,
    consumer,
    host,
    producer,
    runs,
    status_of,
)
from workflows_app.engine.versions import sync
from workflows_app.models import Handler, LaneState
from workflows_app.registry import override
from workflows_app.sdk import Cron, PollContext
from workflows_app.testing import drain

pytestmark = pytest.mark.django_db


class _Polls(list[datetime]):
    """A `poll` that records when it ran."""

    def __call__(self, ctx: PollContext, state: Any) -> Any:
        self.append(ctx.now)
        return {"polls": len(self)}


def _due_at() -> datetime | None:
    return Handler.objects.get(kind="producer").wake_at


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


def test_the_producer_that_is_due_longest_comes_first(deploy: Deploy) -> None:
    deploy(code(*(producer(_Polls(), name=name) for name in ("Alpha", "Beta", "Gamma"))))
    for name, seconds in (("Alpha", 20), ("Beta", 30), ("Gamma", 10)):
        LaneState.objects.filter(handler__name=name).update(wake_at=after(seconds))
    host(30)

    assert [run.handler.name for run in runs()] == ["Gamma", "Alpha", "Beta"]
