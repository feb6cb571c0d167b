"""A handler that fails before it has reserved anything: Skip event frees the lane that it holds (P2, P8)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import (
    Deploy,
    by_payload,
    code,
    consumer,
    host,
    last_run,
    row,
    runs,
    send,
    status_of,
    take_one,
)
from workflows_app.models import Event, LaneState
from workflows_app.operations import skip_event
from workflows_app.sdk import PrepareContext, PrepareResult, TransientError, Workflow
from workflows_app.testing import SimulatedCrash

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


def _meeting(error: type[BaseException], *, phase: str = "prepare") -> type[Workflow]:
    """Return a workflow whose consumer fails on the event `bad`."""

    def fail_on_bad(result: PrepareResult) -> None:
        if any(event.message_id == "bad" for event in result.reservations):
            raise error("a fault")

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        result = take_one(ctx, state)
        if phase == "prepare":
            fail_on_bad(result)
        return result

    def mutate(prepared: PrepareResult) -> None:
        if phase == "mutate":
            fail_on_bad(prepared)

    return code(consumer(prepare, mutate, lane=by_payload), policy={"crash_retries": 0})


def _skip(message_id: str, user: User) -> None:
    event = Event.objects.get(message_id=message_id)
    skip_event(event, actor=user, reason="the supplier withdrew it")


@pytest.mark.parametrize("phase", ["prepare", "mutate"])
def test_a_skipped_event_frees_the_lane_of_the_run_that_failed_on_it(
    deploy: Deploy, operator_user: User, phase: str
) -> None:
    deploy(_meeting(ValueError, phase=phase))
    send("bad", "acme")
    send("good", "acme")
    host()
    failed = last_run()
    assert (failed.failure_kind, failed.reservations.count()) == ("logic", 0)
    assert row().is_blocked

    _skip("bad", operator_user)

    freed = runs()[0]
    assert (freed.status, freed.owes_retry) == ("failed", False)
    told = freed.history.latest()
    assert (told.history_change_reason, told.history_user) == (
        "the supplier withdrew it",
        operator_user,
    )
    assert not row().is_blocked
    host()
    assert (status_of("bad"), status_of("good")) == ("skipped", "consumed")


def test_a_skipped_event_frees_the_lane_of_the_run_that_ended_its_worker(
    deploy: Deploy, operator_user: User
) -> None:
    deploy(_meeting(SimulatedCrash))
    send("bad", "acme")
    with pytest.raises(SimulatedCrash):
        host()
    host()
    assert (last_run().failure_kind, row().is_blocked) == ("poison", True)

    _skip("bad", operator_user)

    assert (last_run().owes_retry, row().is_blocked) == (False, False)
    assert not LaneState.objects.filter(lane="acme", is_held=True).exists()


def test_an_event_that_is_retried_later_is_skipped_meanwhile_and_nothing_is_retried(
    deploy: Deploy, operator_user: User
) -> None:
    deploy(_meeting(TransientError))
    send("bad", "acme")
    host()
    assert last_run().retry_due_at is not None

    _skip("bad", operator_user)
    host(1000)

    assert (len(runs()), last_run().retry_due_at) == (1, None)


@pytest.mark.parametrize(("message_id", "lane"), [("good", "acme"), ("other", "widgets")])
def test_an_event_that_it_would_not_take_frees_nothing(
    deploy: Deploy, operator_user: User, message_id: str, lane: str
) -> None:
    deploy(_meeting(ValueError))
    send("bad", "acme")
    host()
    send(message_id, lane)

    _skip(message_id, operator_user)

    assert (last_run().owes_retry, row().is_blocked) == (True, True)
    assert status_of("bad") == "pending"
    host(1000)
    assert len(runs()) == 1, "it waits for a person"
