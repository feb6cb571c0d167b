"""When `next` fails after the effect was applied, only `next` is tried again (P1, P2)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import (
    SHIPPED,
    Deploy,
    calling,
    code,
    consumer,
    fresh,
    host,
    last_run,
    reasons,
    row,
    runs,
    send,
    status_of,
    waits_about,
)
from workflows_app.models import Event, Mutation
from workflows_app.operations import retry_failed_run, skip_run
from workflows_app.sdk import MutationOutcome, NextContext, PrepareResult, TransientError
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]

FAR = 10**8


class _Fails:
    """A `next` that raises these errors, one a call, and then publishes what it is told."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.told: list[tuple[MutationOutcome, PrepareResult]] = []

    def __call__(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        self.told.append((outcome, prepared))
        if self.errors:
            raise self.errors.pop(0)
        ctx.publish(SHIPPED, message_id="1", payload=outcome.result)
        return outcome.status


def test_the_events_stay_reserved_and_nothing_is_sent_again(deploy: Deploy) -> None:
    called, fails = scripted("applied"), _Fails(TransientError("disk full"))
    deploy(calling(called, fails))
    event = send()
    host()
    failed = last_run()

    assert (failed.status, failed.failure_kind, failed.failure_phase) == (
        "failed",
        "transient",
        "emitting",
    )
    assert (failed.phase, failed.mutation.status) == ("emitting", "applied")
    assert fresh(event).reserved_by == failed
    assert waits_about(failed, 10)
    assert not row().is_blocked, "it comes back by itself"

    host(10)
    retry = last_run()
    assert (retry.status, retry.retry_of, retry.earlier_failures) == ("committed", failed, 1)
    assert (retry.carried_mutation, Mutation.objects.get()) == (failed.mutation, failed.mutation)
    assert fails.told == [(MutationOutcome("applied", {"number": 1}), fails.told[0][1])] * 2
    assert len(called.calls) == 1
    assert reasons(fresh(event)) == [
        ("pending", "published by the application"),
        ("reserved", f"reserved by run {failed.pk}"),
        ("reserved", f"retry of run {failed.pk}"),
        ("consumed", f"consumed by run {retry.pk}"),
    ]
    assert [run.reservations.get().event for run in runs()] == [event, event]
    published = Event.objects.get(topic__name=SHIPPED)
    assert (published.created_by, published.inputs.get()) == (retry, event.inputs.get())


def test_retries_of_next_are_counted_and_then_wait_for_a_person(
    deploy: Deploy, operator_user: User
) -> None:
    called = scripted("applied")
    fails = _Fails(*[TransientError("disk full")] * 4)
    deploy(calling(called, fails, policy={"transient_retries": 2}))
    event = send()
    for seconds in (0, 10, 30, 70, FAR):
        host(seconds)
    last = last_run()
    assert [run.earlier_failures for run in runs()] == [0, 1, 2]
    assert (last.retry_due_at, fresh(event).reserved_by) == (None, last)

    retry_failed_run(last, actor=operator_user, reason="there is room again")
    host(FAR)
    assert (last_run().status, last_run().earlier_failures) == ("failed", 0)
    host(FAR + 100)
    assert (last_run().status, last_run().earlier_failures) == ("committed", 1)
    assert (len(called.calls), len(fails.told), status_of("1")) == (1, 5, "consumed")


def test_other_code_goes_on_from_next_with_the_same_outcome(deploy: Deploy) -> None:
    called = scripted("applied")
    broken, repaired = _Fails(ValueError("a typo")), _Fails()
    deploy(calling(called, broken))
    send()
    host()
    deploy(calling(called, repaired, version="1.1"))
    host()

    assert [run.status for run in runs()] == ["failed", "committed"]
    assert [str(run.version) for run in runs()] == ["1.0", "1.1"]
    assert repaired.told == broken.told
    assert len(called.calls) == 1


def test_a_retry_finds_the_state_of_its_own_handler(deploy: Deploy) -> None:
    found: list[Any] = []

    def next_(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        found.append(ctx.state)
        if len(found) == 2:
            raise TransientError("disk full")
        return "of Ship"

    bill = consumer(
        lambda ctx, state: PrepareResult(ctx.peek("order.billed")),
        name="Bill",
        subscribes=["order.billed"],
        next=lambda *given: "of Bill",
    )
    deploy(code(bill, consumer(next=next_)))
    send(topic="order.billed")
    for message_id in ("1", "2"):
        send(message_id)
        host()
    host(10)

    assert found == [None, "of Ship", "of Ship"]


def test_after_a_skip_next_is_told_skipped_each_time(deploy: Deploy, operator_user: User) -> None:
    called, fails = scripted("lost"), _Fails(TransientError("disk full"))
    deploy(calling(called, fails))
    event = send()
    host()
    skip_run(last_run(), actor=operator_user, reason="the order was cancelled")
    host()
    failed = last_run()
    assert (failed.status, failed.failure_phase, fresh(event).status) == (
        "failed",
        "emitting",
        "skipped",
    )

    host(10**9)
    retry = last_run()
    assert (retry.status, retry.carried_mutation) == ("committed", failed.mutation)
    assert [outcome for outcome, _ in fails.told] == [MutationOutcome("skipped")] * 2
    assert fails.told[0] == fails.told[1]
    assert (fresh(event).status, len(called.calls)) == ("skipped", 1)
    assert Event.objects.get(topic__name=SHIPPED).inputs.get() == event.inputs.get()


def test_an_effect_that_was_found_by_asking_is_carried_too(deploy: Deploy) -> None:
    called, fails = scripted("lost", reconcilable=True), _Fails(TransientError("disk full"))
    deploy(calling(called, fails))
    send()
    host()
    host(10)

    assert [run.status for run in runs()] == ["failed", "committed"]
    assert (len(called.calls), len(called.reconciliations)) == (1, 1)
    assert [outcome for outcome, _ in fails.told] == [MutationOutcome("applied", {"number": 1})] * 2
