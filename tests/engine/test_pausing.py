"""Paused: no new run starts, and what has begun outside still gets settled (P2, P3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.dying import Dies, crash
from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    RECEIVED,
    Deploy,
    after,
    calling,
    code,
    consumer,
    host,
    last_run,
    producer,
    row,
    runs,
    send,
    status_of,
)
from workflows_app.operations import (
    it_didnt_happen,
    pause_workflow,
    resume_workflow,
    retry_failed_run,
    skip_run,
    try_again,
)
from workflows_app.sdk import (
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
    Reconciliation,
    TransientError,
)
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]

FAR = 10**8


Act = Callable[[], Any]


@pytest.fixture
def pause(operator_user: User) -> Act:
    return lambda: pause_workflow(row(), actor=operator_user, reason="stocktaking")


@pytest.fixture
def resume(operator_user: User) -> Act:
    return lambda: resume_workflow(row(), actor=operator_user, reason="done")


def test_nothing_starts_while_paused_and_all_of_it_after(
    deploy: Deploy, pause: Act, resume: Act
) -> None:
    deploy(code(consumer(), producer(lambda ctx, state: "polled")))
    pause()
    send()

    assert host(FAR) == 0
    assert (runs(), status_of("1")) == ([], "pending")
    assert row().lease.listens is False, "an arrival is no reason to look"

    resume()
    host(FAR)
    assert sorted(run.handler.name for run in runs()) == ["Import", "Ship"]
    assert status_of("1") == "consumed"


def test_what_arrives_while_paused_is_looked_at_after(
    deploy: Deploy, pause: Act, resume: Act
) -> None:
    seen = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        seen.append([event.message_id for event in ctx.peek(RECEIVED)])
        return PrepareResult.nothing()

    deploy(code(consumer(prepare)))
    send("1")
    host()
    pause()
    send("2")
    assert host() == 0
    resume()
    host()

    assert seen == [["1"], ["1", "2"]]


def test_a_run_under_way_is_carried_to_its_end(
    deploy: Deploy, pause: Act, operator_user: User
) -> None:
    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        if row().status == "active":
            pause()
        return PrepareResult(ctx.peek(RECEIVED, limit=1))

    deploy(code(consumer(prepare)))
    send("1")
    send("2")
    host()

    assert [run.status for run in runs()] == ["committed"]
    assert (status_of("1"), status_of("2")) == ("consumed", "pending")


def test_an_unknown_outcome_is_asked_about_while_paused(deploy: Deploy, pause: Act) -> None:
    outside = Outside(RETRY, Reconciliation.applied())
    deploy(calling(outside.mutator))
    send()
    host()
    pause()
    host(10)

    assert (last_run().status, status_of("1")) == ("committed", "consumed")


def test_what_did_not_happen_is_not_tried_again_while_paused(
    deploy: Deploy, pause: Act, resume: Act
) -> None:
    outside = Outside(RETRY, Reconciliation.not_applied())
    deploy(calling(outside.mutator))
    send()
    host()
    pause()
    host(10)
    assert (last_run().status, last_run().failure_kind) == ("failed", "transient")
    assert host(FAR) == 0
    assert len(outside.sent) == 1

    resume()
    host(FAR)
    assert len(outside.sent) == 2


def test_a_crash_in_flight_is_settled_while_paused(deploy: Deploy, pause: Act) -> None:
    called = scripted("crash", reconcilable=True)
    deploy(calling(called))
    send()
    crash()
    pause()
    host()

    assert (last_run().status, len(called.calls)) == ("committed", 1)


def test_a_crash_before_the_checkpoint_is_tidied_up_and_not_repeated_while_paused(
    deploy: Deploy, pause: Act, resume: Act
) -> None:
    dies = Dies()
    deploy(code(consumer(mutate=lambda prepared: dies())))
    send()
    crash()
    pause()
    host(FAR)
    assert [run.status for run in runs()] == ["crashed"]
    assert status_of("1") == "pending"

    resume()
    host(FAR + 10)
    assert [run.status for run in runs()] == ["crashed", "committed"]


def test_next_of_an_applied_effect_is_retried_while_paused(deploy: Deploy, pause: Act) -> None:
    fails = iter([TransientError("later"), None])

    def next_(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        error = next(fails)
        if error:
            raise error

    called = scripted("applied")
    deploy(calling(called, next_))
    send()
    host()
    pause()
    host(10)

    assert [run.status for run in runs()] == ["failed", "committed"]
    assert (len(called.calls), status_of("1")) == (1, "consumed")


def test_a_skipped_run_comes_to_its_end_while_paused(
    deploy: Deploy, pause: Act, operator_user: User
) -> None:
    deploy(calling(scripted("lost")))
    send()
    host()
    pause()
    skip_run(last_run(), actor=operator_user, reason="cancelled")
    host()

    assert (last_run().status, status_of("1")) == ("committed", "skipped")


def test_try_again_asks_while_paused(deploy: Deploy, pause: Act, operator_user: User) -> None:
    outside = Outside(RETRY, Reconciliation.applied())
    deploy(calling(outside.mutator, policy={"reconcile_attempts": 1}))
    send()
    host()
    pause()
    try_again(last_run(), actor=operator_user, reason="the search is up again")
    host()

    assert last_run().status == "committed"


def test_it_didnt_happen_sends_only_after_resuming(
    deploy: Deploy, pause: Act, resume: Act, operator_user: User
) -> None:
    called = scripted("timeout", "applied")
    deploy(calling(called))
    send()
    host()
    pause()
    it_didnt_happen(last_run(), actor=operator_user, reason="the list is empty")

    assert host(FAR) == 0
    assert (last_run().status, last_run().phase, len(called.calls)) == ("active", "prepared", 1)
    resume()
    host(FAR)
    assert (last_run().status, len(called.calls)) == ("committed", 2)


def test_retry_now_runs_only_after_resuming(
    deploy: Deploy, pause: Act, resume: Act, operator_user: User
) -> None:
    called = scripted("rejected", "applied")
    deploy(calling(called))
    send()
    host()
    pause()
    retry_failed_run(last_run(), actor=operator_user, reason="the street exists now")

    assert host(FAR) == 0
    assert len(called.calls) == 1
    resume()
    host(FAR)
    assert (last_run().status, len(called.calls)) == ("committed", 2)


def test_what_was_due_many_times_while_paused_runs_once(
    deploy: Deploy, pause: Act, resume: Act
) -> None:
    polls: list[Any] = []
    deploy(code(producer(lambda ctx, state: polls.append(ctx.now))))
    host()
    pause()
    host(3600)
    resume()
    host(3600)

    assert polls == [after(0), after(3600)]
