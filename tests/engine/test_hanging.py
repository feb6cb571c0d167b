"""A handler that hangs counts as a worker that died, and holds up its own lane only (P2, P8)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.engine.stage import (
    SHIPPED,
    Deploy,
    by_payload,
    code,
    consumer,
    host,
    row,
    runs,
    send,
    status_of,
    take_one,
    waits_about,
)
from tests.engine.worker import PATIENCE_SECONDS, work
from workflows_app.models import Event
from workflows_app.sdk import MutationOutcome, NextContext, PrepareContext, PrepareResult

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("where", ["prepare", "next"])
def test_a_handler_that_outlasts_its_time_is_a_crash_of_its_run(
    deploy: Deploy, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()
    hangs: list[int] = []

    def hang() -> None:
        hangs.append(1)
        if len(hangs) == 1:
            assert released.wait(PATIENCE_SECONDS)

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        if where == "prepare" and ctx.lane == "bad":
            hang()
        return take_one(ctx, state)

    def next_(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        if where == "next" and ctx.state is None and prepared.data == ["bad"]:
            hang()

    flow = code(consumer(prepare, next=next_, lane=by_payload))
    flow.policy = {"handler_timeout_seconds": 0.5}
    deploy(flow)
    send("1", "bad")
    send("2", "good")
    work(lambda: "crashed" in {run.status for run in runs()} and status_of("2") == "consumed")
    crashed = next(run for run in runs() if run.status == "crashed")
    released.set()

    assert (crashed.lane, status_of("1")) == ("bad", "pending")
    assert waits_about(crashed, 10)
    told = crashed.history.latest().history_change_reason
    assert told == "its handler took longer than 0.5 s"
    released_because = Event.objects.get(message_id="1").history.latest().history_change_reason
    is_released = released_because == f"run {crashed.pk} ended: {told}"
    assert is_released == (where == "next"), released_because
    (hung,) = (record for record in caplog.records if "run.hung" in record.getMessage())
    assert (hung.levelname, "lane=bad seconds=0.5" in hung.getMessage()) == ("ERROR", True)
    host(10)
    assert status_of("1") == "consumed"
    assert not row().topics.get(name=SHIPPED).events.exists()
