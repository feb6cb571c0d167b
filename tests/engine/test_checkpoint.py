"""All or nothing (P1, P2): a run reserves what `prepare` saw, as it saw it, or starts over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.stage import RECEIVED, Deploy, code, consumer, host, runs, send
from workflows_app.engine.claims import Claim
from workflows_app.engine.holding import Hand, Holding, LaneView
from workflows_app.models import Run, Workflow
from workflows_app.sdk import MutationCall, PrepareContext, PrepareResult
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


def _meddled(deploy: Deploy, meddle: Callable[[], Any], times: int = 1) -> Any:
    """Deploy a workflow in whose `prepare` something happens to the events, the first `times`."""
    called = scripted("applied")
    looks: list[list[Any]] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED)
        looks.append([(event.message_id, event.payload) for event in events])
        if len(looks) <= times:
            meddle()
        return PrepareResult(events, [event.payload for event in events])

    def mutate(prepared: PrepareResult) -> MutationCall:
        return MutationCall(called, {"of": prepared.data})

    deploy(code(consumer(prepare, mutate), calls=[called]))
    return called, looks


def test_events_that_keep_changing_make_the_run_start_over_without_end(deploy: Deploy) -> None:
    payloads = iter(range(100))
    called, looks = _meddled(deploy, lambda: send("1", next(payloads)), times=6)
    send("1", "a")
    host()
    run = runs()[0]

    assert looks[:7] == [[("1", seen)] for seen in ["a", *range(6)]]
    assert [(run.status, run.earlier_failures) for run in runs()] == [("committed", 0)]
    assert called.calls == [({"of": [5]}, run.idempotency_key)]


def test_whose_events_keep_changing_leaves_their_publisher_longer_each_time_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    claim, workflow = Claim(1, 1, "worker"), Workflow(slug="ship")
    holding = Holding(claim, workflow, code(consumer()))
    hand = Hand(holding, Run(pk=7, lane="acme"), LaneView(1, "acme"))

    assert [hand.start_over() for _ in range(9)] == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert caplog.messages == ["run.starts_over workflow=ship run=7 lane=acme times=5"]
