"""Skip: the effect is abandoned, its events are skipped, and the run goes on to `next` (P1, P3)."""

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
    skip_run,
)

pytestmark = pytest.mark.django_db

RecordedMaker = Callable[..., Recorded]


def test_mutation_and_events_are_skipped_at_once_and_the_run_is_ready_for_next(
    blocked: Run, operator_user: User
) -> None:
    before = everything()

    action = skip_run(blocked, actor=operator_user, reason="no longer needed")

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
        "Run",
    ]
    event, mutation = Event.objects.get(), Mutation.objects.get()
    assert news["Event"] == [
        {**before["Event"][event.pk], "status": "skipped", "reserved_by_id": None}
    ]
    assert mutation.resolved_at is not None
    assert news["Mutation"] == [
        {
            **before["Mutation"][mutation.pk],
            "status": "skipped",
            "resolved_by": "operator",
            "resolved_at": mutation.resolved_at,
        }
    ]
    assert news["Run"] == [
        {
            **before["Run"][blocked.pk],
            "status": "active",
            "phase": "mutated",
            "fencing_token": None,
        }
    ]
    assert told(event.history)[-1] == ("skipped", "no longer needed", "olga")
    assert told(mutation.history)[-1] == ("skipped", "no longer needed", "olga")
    assert told(blocked.history)[-1] == ("active", "no longer needed", "olga")
    assert (action.run, action.event) == (blocked, None)


def test_next_learns_that_it_was_skipped_and_nothing_is_sent(
    recorded: RecordedMaker, operator_user: User
) -> None:
    play = recorded("lost")
    run = play.happens(days=0)
    play.calls.clear()

    skip_run(run, actor=operator_user, reason="no longer needed")
    play.run_host()

    assert play.calls == ["next skipped"]
    assert play.prepared[0] == play.prepared[1]
    assert len(play.mutator.calls) == 1
    run = Run.objects.get(pk=run.pk)
    assert (run.status, run.phase) == ("committed", "committed")
    assert Event.objects.get().status == "skipped"


def test_a_crash_in_next_brings_skipped_to_next_again(
    recorded: RecordedMaker, operator_user: User
) -> None:
    play = recorded("lost", next_plays=("crash", "crash"))
    run = play.happens(days=0)
    play.calls.clear()
    skip_run(run, actor=operator_user, reason="no longer needed")

    play.happens_until_crash()
    play.happens_until_crash(days=1)
    play.goes_on(days=2)

    assert play.calls == ["next skipped"] * 3
    assert all(prepared == play.prepared[0] for prepared in play.prepared)
    assert len(play.mutator.calls) == 1
    attempts = Run.objects.filter(handler=run.handler).order_by("pk")
    assert [(attempt.status, attempt.phase) for attempt in attempts] == [
        ("crashed", "mutated"),
        ("crashed", "mutated"),
        ("committed", "committed"),
    ]
    assert attempts[2].settled_mutation == run.mutation
    assert Event.objects.get().status == "skipped"


def test_the_workflow_goes_on_with_the_next_event(scene: SceneMaker, operator_user: User) -> None:
    play = scene("lost", "applied")
    run = play.happens("42", days=0)
    play.publish("43")
    play.run_host()
    assert play.workflow.is_blocked
    assert len(play.mutator.calls) == 1

    skip_run(run, actor=operator_user, reason="no longer needed")
    play.run_host()

    assert not play.workflow.is_blocked
    received = Event.objects.filter(topic__name="invoice.received").order_by("pk")
    assert [event.status for event in received] == ["skipped", "consumed"]
