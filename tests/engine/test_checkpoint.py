"""All or nothing (P1, P2): a run reserves what `prepare` saw, as it saw it, or starts over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import (
    RECEIVED,
    Deploy,
    code,
    consumer,
    fresh,
    host,
    reasons,
    runs,
    send,
    status_of,
)
from workflows_app.engine.claims import Claim
from workflows_app.engine.holding import Hand, Holding, LaneView
from workflows_app.models import Event, Mutation, Reservation, Run, Workflow
from workflows_app.operations import skip_event
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


def test_an_event_skipped_meanwhile_makes_the_run_start_over(
    deploy: Deploy, operator_user: User
) -> None:
    def skip() -> None:
        skip_event(Event.objects.get(message_id="2"), actor=operator_user, reason="cancelled")

    called, looks = _meddled(deploy, skip)
    first = send("1", "a")
    send("2", "b")
    host()
    (run,) = runs()

    assert looks == [[("1", "a"), ("2", "b")], [("1", "a")]]
    assert called.calls == [({"of": ["a"]}, run.idempotency_key)]
    assert (status_of("1"), status_of("2")) == ("consumed", "skipped")
    assert list(Reservation.objects.values_list("run", "event")) == [(run.pk, first.pk)]
    assert [reason for _, reason in reasons(fresh(first))] == [
        "published by the application",
        f"reserved by run {run.pk}",
        f"consumed by run {run.pk}",
    ], "nothing of the first try is left"


def test_a_payload_published_anew_meanwhile_makes_the_run_start_over(deploy: Deploy) -> None:
    called, looks = _meddled(deploy, lambda: send("1", "changed"))
    event = send("1", "a")
    host()
    run = runs()[0]

    assert looks[:2] == [[("1", "a")], [("1", "changed")]]
    assert called.calls == [({"of": ["changed"]}, run.idempotency_key)]
    assert run.reservations.get().event == event
    assert (fresh(event).payload, fresh(event).revision) == ("changed", 2)


def test_the_same_payload_published_anew_changes_nothing(deploy: Deploy) -> None:
    called, looks = _meddled(deploy, lambda: send("1", "a"))
    event = send("1", "a")
    host()

    assert looks == [[("1", "a")]]
    assert fresh(event).revision == 1
    assert len(called.calls) == 1


def test_an_event_that_arrives_meanwhile_is_left_to_the_next_run(deploy: Deploy) -> None:
    called, looks = _meddled(deploy, lambda: send("2", "b"))
    send("1", "a")
    host()

    assert looks == [[("1", "a")], [("2", "b")]]
    assert [params["of"] for params, _ in called.calls] == [["a"], ["b"]]


def test_events_that_keep_changing_make_the_run_start_over_without_end(deploy: Deploy) -> None:
    payloads = iter(range(100))
    called, looks = _meddled(deploy, lambda: send("1", next(payloads)), times=6)
    send("1", "a")
    host()
    run = runs()[0]

    assert looks[:7] == [[("1", seen)] for seen in ["a", *range(6)]]
    assert [(run.status, run.earlier_failures) for run in runs()] == [("committed", 0)]
    assert called.calls == [({"of": [5]}, run.idempotency_key)]


def test_a_failed_checkpoint_leaves_no_ledger_row_behind(
    deploy: Deploy, operator_user: User
) -> None:
    def skip() -> None:
        skip_event(Event.objects.get(), actor=operator_user, reason="cancelled")

    called, looks = _meddled(deploy, skip)
    send("1", "a")
    host()
    (run,) = runs()

    assert looks == [[("1", "a")], []]
    assert not Mutation.objects.exists()
    assert (run.status, run.idempotency_key, run.reservations.count()) == ("committed", "", 0)
    assert not called.calls


def test_whose_events_keep_changing_leaves_their_publisher_longer_each_time_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    claim, workflow = Claim(1, 1, "worker"), Workflow(slug="ship")
    holding = Holding(claim, workflow, code(consumer()), handlers={}, topics={})
    hand = Hand(holding, Run(pk=7, lane="acme"), LaneView(1, "acme"))

    assert [hand.start_over() for _ in range(9)] == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert caplog.messages == ["run.starts_over workflow=ship run=7 lane=acme times=5"]
