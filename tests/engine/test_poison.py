"""What ends one worker after the other: growing pauses, then it waits for a person or new code (P2, P8)."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.dying import crash
from tests.engine.stage import (
    RECEIVED,
    SHIPPED,
    Deploy,
    by_payload,
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
    waits_about,
)
from tests.engine.worker import PATIENCE_SECONDS, work
from workflows_app.operations import retry_failed_run
from workflows_app.sdk import (
    MutationOutcome,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
    TransientError,
)
from workflows_app.testing import SimulatedCrash, scripted

sound = pytest.mark.usefixtures("sound")
pytestmark = pytest.mark.django_db


def _kills(ctx: PrepareContext, state: Any) -> PrepareResult:
    if ctx.peek(RECEIVED):
        raise SimulatedCrash
    return PrepareResult.nothing()


def _crash_three_times() -> None:
    """Let three workers die of the same run and its retries, each after a pause."""
    crash()
    for seconds, pause in ((0, 10), (10, 20), (30, 40)):
        host(seconds)
        assert (last_run().status, last_run().owes_retry) == ("crashed", True)
        due_at = last_run().retry_due_at
        assert due_at is not None
        assert 0.8 * pause <= (due_at - (last_run().ended_at or due_at)).total_seconds() <= pause
        crash(seconds + pause)


@sound
def test_after_crashes_in_a_row_it_fails_as_poison_and_waits(
    deploy: Deploy, caplog: pytest.LogCaptureFixture
) -> None:
    deploy(code(consumer(_kills)))
    event = send()
    _crash_three_times()
    host(70)
    run = last_run()

    assert [one.status for one in runs()] == ["crashed"] * 3 + ["failed"]
    assert [one.earlier_crashes for one in runs()] == [0, 1, 2, 3]
    assert (run.failure_kind, run.failure_phase) == ("poison", "preparing")
    assert run.failure_message == "its worker died, 4 times in a row"
    assert caplog.record_tuples[-1] == (
        "workflows_app",
        logging.ERROR,
        f"run.failed workflow=ship run={run.pk} lane= kind=poison crashes=4"
        " waits_for=Skip event, Retry now, or a new version",
    )
    assert (run.owes_retry, run.retry_due_at) == (True, None)
    assert (fresh(event).status, row().is_blocked) == ("pending", True)
    assert host(10**8) == 0


@sound
@pytest.mark.parametrize("is_told", [True, False], ids=["after it failed", "before"])
def test_a_new_version_retries_it_and_counts_from_the_start(deploy: Deploy, is_told: bool) -> None:
    deploy(code(consumer(_kills)))
    send()
    _crash_three_times()
    if is_told:
        host(70)
    deploy(code(consumer(), version="1.1"))
    host(70)

    assert (status_of("1"), last_run().status) == ("consumed", "committed")
    retry = runs()[4]
    assert (retry.earlier_crashes, str(retry.version)) == (0, "1.1")


@sound
def test_a_person_retries_it(deploy: Deploy, operator_user: User) -> None:
    dies = iter([True] * 4)

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        if next(dies, False):
            raise SimulatedCrash
        return take_one(ctx, state)

    deploy(code(consumer(prepare)))
    send()
    _crash_three_times()
    host(70)
    retry_failed_run(last_run(), actor=operator_user, reason="it had no memory left")
    host(70)

    assert status_of("1") == "consumed"


def test_a_crash_forgets_no_failure_before_it_and_a_failure_the_crashes(deploy: Deploy) -> None:
    ends = iter([TransientError("down"), SimulatedCrash(), TransientError("down"), None])

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        error = next(ends)
        if error is not None:
            raise error
        return take_one(ctx, state)

    deploy(code(consumer(prepare)))
    send()
    host()
    crash(10)
    for seconds in (10, 60, 120):
        host(seconds)

    counts = [(run.earlier_failures, run.earlier_crashes) for run in runs()]
    assert counts == [(0, 0), (1, 0), (1, 1), (2, 0)]
    assert last_run().status == "committed"


@sound
def test_it_holds_its_own_lane_only(deploy: Deploy) -> None:
    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        if ctx.lane == "bad":
            raise SimulatedCrash
        return take_one(ctx, state)

    deploy(code(consumer(prepare, lane=by_payload)))
    send("1", "bad")
    send("2", "good")
    crash()
    host()

    assert (status_of("1"), status_of("2")) == ("pending", "consumed")


@sound
def test_after_an_applied_effect_poison_keeps_the_events_and_sends_nothing(deploy: Deploy) -> None:
    called = scripted("applied")

    def kills(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        raise SimulatedCrash

    deploy(calling(called, kills))
    event = send()
    _crash_three_times()
    host(70)
    run = last_run()
    assert (run.failure_kind, run.failure_phase) == ("poison", "mutated")
    assert fresh(event).reserved_by == run

    deploy(calling(called, version="1.1"))
    host(70)
    assert (len(called.calls), status_of("1")) == (1, "consumed")


@sound
def test_a_poll_that_ends_workers_polls_again_after_growing_pauses(deploy: Deploy) -> None:
    def poll(ctx: PollContext, state: Any) -> Any:
        raise SimulatedCrash

    deploy(code(producer(poll), consumer()))
    for seconds in (0, 10, 30, 70):
        crash(seconds)
        host(seconds)

    assert [run.status for run in runs()] == ["crashed"] * 3 + ["failed"]
    assert (last_run().failure_kind, last_run().owes_retry) == ("poison", False)
    send()
    host(71)
    assert status_of("1") == "consumed", "it holds its own lane only"


@pytest.mark.django_db(transaction=True)
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
    (hung,) = (record for record in caplog.records if "run.hung" in record.getMessage())
    assert (hung.levelname, "lane=bad seconds=0.5" in hung.getMessage()) == ("ERROR", True)
    host(10)
    assert status_of("1") == "consumed"
    assert not row().topics.get(name=SHIPPED).events.exists()
