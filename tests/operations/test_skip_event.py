"""Skip event: a pending event is excluded for good, and stays visible (P2, P6)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.operations.authors import Recorded
from tests.operations.readiness import (
    SceneMaker,
    changed,
    decided,
    everything,
    may_only,
    refusal,
    told,
)
from workflows_app.models import Event, Run
from workflows_app.operations import pause_workflow, skip_event, skip_run
from workflows_app.publishing import publish
from workflows_app.testing import drain, registered

pytestmark = pytest.mark.django_db


def test_the_event_is_skipped_and_nothing_else_changes(
    scene: SceneMaker, operator_user: User
) -> None:
    event = scene().publish()
    before = everything()

    action = skip_event(event, actor=operator_user, reason="a duplicate")

    news = changed(before, everything())
    assert sorted(news) == ["Event", "HistoricalEvent", "Lease", "OperatorAction"]
    assert news["Event"] == [{**before["Event"][event.pk], "status": "skipped"}]
    assert told(event.history) == [
        ("pending", "published by the application", None),
        ("skipped", "a duplicate", "olga"),
    ]
    assert (action.operation, action.event, action.run) == ("skip_event", event, None)


def test_a_skipped_event_is_never_reserved_and_the_next_one_is(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene()
    skipped = play.publish("41")
    skip_event(skipped, actor=operator_user, reason="a duplicate")
    play.publish("42")

    play.run_host()

    assert list(Event.objects.order_by("pk").values_list("message_id", "status")) == [
        ("41", "skipped"),
        ("42", "consumed"),
        ("42", "pending"),
    ]
    assert not skipped.reservations.exists()
    assert [params for params, _ in play.mutator.calls] == [{"amount": "12.50"}]


@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_a_skipped_event_stays_skipped_under_other_code(
    recorded: type[Recorded], operator_user: User, version: str
) -> None:
    play = recorded()
    event = play.publish()
    skip_event(event, actor=operator_user, reason="a duplicate")

    with registered(play.code(version)):
        again = publish(
            workflow="pay", topic="invoice.received", message_id="42", payload={"amount": "1"}
        )
        drain("pay")

    assert again.pk == event.pk
    assert (again.status, again.payload) == ("skipped", {"amount": "12.50"})
    assert Event.objects.get().status == "skipped"
    assert play.mutator.calls == []


def test_an_event_of_a_paused_or_blocked_workflow_can_be_skipped(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("lost")
    blocked = play.happens("42")
    waiting = play.publish("43")
    pause_workflow(play.workflow, actor=operator_user, reason="holidays")

    skip_event(waiting, actor=operator_user, reason="a duplicate")

    assert Event.objects.get(pk=waiting.pk).status == "skipped"
    assert Run.objects.get(pk=blocked.pk).status == "blocked"


def test_a_second_press_is_told_who_did_what(scene: SceneMaker, operator_user: User) -> None:
    event = scene().publish()
    first = skip_event(event, actor=operator_user, reason="I was first")

    assert refusal(skip_event, event, may_only("second", "skip_event")) == (
        "not_pending",
        f"Event 42 can't be skipped: it is no longer pending but skipped. {decided(first)}",
    )


def test_an_event_skipped_with_its_run_tells_by_whom(blocked: Run, operator_user: User) -> None:
    event = Event.objects.get()
    first = skip_run(blocked, actor=operator_user, reason="no longer needed")

    assert refusal(skip_event, event, operator_user) == (
        "not_pending",
        f"Event 42 can't be skipped: it is no longer pending but skipped. {decided(first)}",
    )


def test_a_reserved_event_is_refused_with_the_run_that_holds_it(
    blocked: Run, operator_user: User
) -> None:
    assert refusal(skip_event, Event.objects.get(), operator_user) == (
        "not_pending",
        f"Event 42 can't be skipped: it is no longer pending but reserved by run {blocked.pk}.",
    )


def test_a_consumed_event_is_refused(scene: SceneMaker, operator_user: User) -> None:
    play = scene()
    event = play.publish()
    play.run_host(timezone.now())

    assert refusal(skip_event, event, operator_user) == (
        "not_pending",
        "Event 42 can't be skipped: it is no longer pending but consumed.",
    )
