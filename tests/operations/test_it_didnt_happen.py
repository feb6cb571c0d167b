"""It didn't happen: the one way to send an outside effect a second time (P1).

The same prepare result goes on under the same idempotency key, and its events are never pending in
between, so that nobody else can take them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.operations.authors import Recorded
from tests.operations.readiness import (
    SceneMaker,
    changed,
    everything,
    told,
)
from workflows_app.models import Event, Mutation, Run
from workflows_app.operations import (
    it_didnt_happen,
)

pytestmark = pytest.mark.django_db

RecordedMaker = Callable[..., Recorded]


def test_the_run_ends_and_a_new_one_takes_over_all_it_held(
    blocked: Run, operator_user: User
) -> None:
    before = everything()

    action = it_didnt_happen(blocked, actor=operator_user, reason="not in the bank's list")

    news = changed(before, everything())
    assert sorted(news) == [
        "Event",
        "HistoricalEvent",
        "HistoricalMutation",
        "HistoricalRun",
        "LaneState",
        "Lease",
        "Mutation",
        "OperatorAction",
        "Reservation",
        "Run",
    ]
    retry = Run.objects.get(retry_of=blocked)
    ended = Run.objects.get(pk=blocked.pk)
    assert news["Mutation"] == [
        {
            **before["Mutation"][blocked.mutation.pk],
            "status": "failed",
            "resolved_by": "operator",
            "resolved_at": ended.ended_at,
        }
    ]
    assert {row["id"]: row for row in news["Run"]}[blocked.pk] == {
        **before["Run"][blocked.pk],
        "status": "failed",
        "failure_kind": "transient",
        "failure_phase": "mutating",
        "failure_message": "olga asserted that it did not happen: not in the bank's list",
        "ended_at": ended.ended_at,
    }
    assert (retry.status, retry.phase, retry.title) == ("active", "prepared", "Pay invoice 42")
    assert retry.prepare_result == blocked.prepare_result
    assert retry.idempotency_key == blocked.idempotency_key != ""
    assert (retry.version, retry.handler) == (blocked.version, blocked.handler)
    assert not hasattr(retry, "mutation")
    event = Event.objects.get()
    assert (event.status, event.reserved_by) == ("reserved", retry)
    assert [row.event_id for row in retry.reservations.all()] == [event.pk]
    assert told(blocked.history)[-1] == ("failed", "not in the bank's list", "olga")
    assert told(blocked.mutation.history)[-1] == ("failed", "not in the bank's list", "olga")
    assert told(retry.history) == [("active", "not in the bank's list", "olga")]
    assert (action.run, action.event) == (blocked, None)


def test_mutate_is_called_again_with_the_identical_prepare_result_and_prepare_is_not(
    recorded: RecordedMaker, operator_user: User
) -> None:
    play = recorded("timeout", "applied")
    run = play.happens(payload={"amount": "12.50", "lines": [1, {"note": None}]}, days=0)
    assert play.calls == ["prepare", "mutate"]
    play.calls.clear()

    it_didnt_happen(run, actor=operator_user, reason="not in the bank's list")
    play.run_host()

    assert play.calls == ["mutate", "next applied"]
    first, again, brought_to_next = play.prepared
    assert first == again == brought_to_next
    assert again.data == {"amount": "12.50", "lines": [1, {"note": None}]}
    (params, key), (params_again, key_again) = play.mutator.calls
    assert (params_again, key_again) == (params, key)
    assert play.mutator.effects == [key]


def test_the_events_are_never_pending_in_between(scene: SceneMaker, operator_user: User) -> None:
    play = scene("lost", "lost", "applied")
    first = play.happens(days=0)
    for number in (1, 2):
        newest = Run.objects.filter(status="blocked").get()
        it_didnt_happen(newest, actor=operator_user, reason=f"looked {number} times")
        play.run_host()

    second = Run.objects.get(retry_of=first)
    third = Run.objects.get(retry_of=second)
    event = Event.objects.get(topic__name="invoice.received")
    assert [(row.status, row.reserved_by_id) for row in event.history.order_by("history_id")] == [
        ("pending", None),
        ("reserved", first.pk),
        ("reserved", second.pk),
        ("reserved", third.pk),
        ("consumed", None),
    ]
    assert [(run.status, run.phase) for run in Run.objects.filter(handler=first.handler)] == [
        ("committed", "committed"),
        ("failed", "mutating"),
        ("failed", "mutating"),
    ]
    assert len({key for _, key in play.mutator.calls}) == 1
    assert list(Mutation.objects.order_by("pk").values_list("status", "resolved_by")) == [
        ("failed", "operator"),
        ("failed", "operator"),
        ("applied", "response"),
    ]


def test_a_crash_in_the_call_leaves_the_question_to_a_person_again(
    recorded: RecordedMaker, operator_user: User
) -> None:
    play = recorded("timeout", "crash")
    run = play.happens(days=0)
    it_didnt_happen(run, actor=operator_user, reason="not in the bank's list")

    play.happens_until_crash()
    play.run_host()

    again = Run.objects.get(retry_of=run)
    assert (again.status, again.mutation.status) == ("blocked", "indeterminate")
    assert len(play.mutator.calls) == 2
