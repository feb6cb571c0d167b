"""Who is told of what, when, and in which words: by servers that are real."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone, translation
from pytest_django import Settings

from tests.alerts.conftest import (
    BASE_URL,
    Alerting,
    tell,
    texts,
    time_passes,
)
from tests.connectors.server import Outside
from tests.models.rows import Rows
from workflows_app.alerts.looking import forget_old, look
from workflows_app.alerts.pending import pending_too_long
from workflows_app.alerts.settings import AlertSettings
from workflows_app.models import (
    Alert,
    Arrival,
    Breaker,
    Event,
    Handler,
    LaneState,
    OperatorAction,
    Run,
    Topic,
    Workflow,
)
from workflows_app.models.clocks import database_now
from workflows_app.operations import close_breaker, it_didnt_happen, pause_workflow, skip_run

pytestmark = pytest.mark.django_db(transaction=True)


def act(operation: str, run: Run, person: User) -> None:
    """Let `person` have decided about a run."""
    OperatorAction.objects.create(
        operation=operation, actor=person, actor_name="olga", reason="-", workflow=run.workflow, run=run
    )  # fmt: skip


def test_many_are_one_message_a_minute_and_nothing_comes_when_all_is_settled(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook})
    first = scene("lost").happens("1")
    tell()
    for number in range(21):
        another_like(first, number)
    # What waits of another kind is counted with its own.
    Run.objects.filter(pk=another_like(first, 90)).update(
        status="failed", failure_kind="logic", owes_retry=True, ended_at=timezone.now()
    )

    tell()
    assert len(webhook.received) == 1

    time_passes(seconds=61)
    tell()
    tell()
    ((subject, body),) = texts(webhook)[1:]
    assert subject == "Pay the invoices: 22 runs wait for you, for 20 hours"
    assert "outside effects happened. The oldest: for 20 hours.\n" in body
    named = [line.partition(":")[0] for line in body.splitlines() if line.startswith("- ")]
    blocked = [*(f"- Pay {number}" for number in range(20, 15, -1)), "- and 17 more"]
    assert named == [*blocked, "- Pay 90"]

    # One of many that is settled is no news of the others.
    Run.objects.filter(status="failed").update(owes_retry=False)
    time_passes(seconds=61)
    tell()
    assert len(webhook.received) == 2
    Run.objects.exclude(status="failed").update(status="committed", phase="committed")
    time_passes(hours=1)
    tell()
    assert len(webhook.received) == 2


def another_like(run: Run, number: int) -> int:
    """Make a run that waits for a person since so many hours."""
    another: Any = Run(
        workflow_id=run.workflow_id, handler=run.handler, version=run.version, lane=f"lane-{number}",
        phase="mutating", status="blocked", title=f"Pay {number}", started_at=timezone.now(),
    )  # fmt: skip
    another._history_date = timezone.now() - timedelta(hours=number)
    another.save()
    return int(another.pk)


def test_it_is_told_again_until_somebody_takes_it_or_settles_it(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook}, repeat_seconds=600)
    play = scene("lost", "lost")
    run = play.happens(days=9)
    tell()
    time_passes(minutes=11)
    tell()
    assert len(webhook.received) == 2

    act("take_run", run, operator_user)
    time_passes(minutes=11)
    tell()
    assert len(webhook.received) == 2

    it_didnt_happen(run, actor=operator_user, reason="it is not in their list")
    play.run_host()
    again = Run.objects.get(retry_of=run, status="blocked")
    tell()
    assert len(webhook.received) == 3

    skip_run(again, actor=operator_user, reason="not needed")
    time_passes(minutes=11)
    tell()
    assert len(webhook.received) == 3


def test_what_is_new_is_told_after_a_minute_also_of_what_was_told_before(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting
) -> None:
    alerting({"hook": webhook})
    play = scene("lost")
    run: Any = play.happens()
    done = scene("applied", slug="done").happens()
    rows = Rows("held")
    of_same = {"workflow": rows.workflow, "name": "Other", "kind": "consumer"}
    handlers = [rows.handler, Handler.objects.create(**of_same)]

    def contradict() -> None:
        done.mutation.evidence.create(kind="late", verdict="not_applied", contradicts=True)

    def opens(handler: Handler) -> None:
        now = timezone.now()
        Breaker.objects.create(handler=handler, status="open", opened_at=now, trial_at=now)

    def told() -> list[str]:
        before = len(webhook.received)
        time_passes(seconds=61)
        tell()
        return sorted(subject.split(",")[0] for subject, _ in texts(webhook)[before:])

    contradict()
    opens(handlers[0])
    assert len(told()) == 3
    assert told() == []
    run.refresh_from_db()
    run.begin_reconciling()
    run.save()
    run.block()
    run._history_date = timezone.now() + timedelta(seconds=5)
    run.save()
    contradict()
    opens(handlers[1])
    assert told() == [
        "Pay the invoices: 1 run waits for you",
        "Pay the invoices: 2 late answers say the opposite of what was decided",
        "Pay: 2 consumers send no new calls",
    ]


def test_what_a_clock_that_was_ahead_has_dated_does_not_keep_it_from_being_told(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting
) -> None:
    alerting({"hook": webhook})
    scene("lost").happens()
    look(now=database_now())
    Alert.objects.update(claimed_until=F("created_at"))
    time_passes(days=-1)
    tell()
    assert len(webhook.received) == 1

    time_passes(days=-1)
    tell()
    tell()
    assert len(webhook.received) == 2


def test_what_settles_before_it_was_sent_is_not_told(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook})
    webhook.answers(503)
    run = scene("lost").happens()
    tell()
    skip_run(run, actor=operator_user, reason="not needed")
    webhook.answers(200)
    time_passes(hours=1)
    tell()
    assert len(webhook.received) == 1
    assert Alert.objects.get().status == "dropped"


def test_each_kind_is_told_the_most_urgent_first(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook}, oldest_pending_seconds={"p*": 60, "*": 99_999})
    play = scene("rejected")
    play.happens("7")
    play.publish("8")
    Event.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    breaker_of(play)

    tell()

    ((subject, body),) = texts(webhook)
    assert subject.startswith("Pay the invoices: 1 consumer sends no new calls, for ")
    told = [part.split(".")[0] for part in body.split("\n\n")[1:-2]]
    assert told == [
        "1 consumer sends no new calls: too many outcomes in a row were unknown",
        "1 failed run waits for a person or a new version",
        "The oldest event waits for longer than it should",
    ]
    page = f"{BASE_URL}/admin/workflows_app/workflow/{play.workflow.pk}/change/"
    assert f"Look at what holds the workflow up.\n- pay: {page}\n" in body
    pause_workflow(play.workflow, actor=operator_user, reason="they are closed")
    time_passes(hours=1)
    tell()
    assert "oldest event" not in texts(webhook)[1][1]


def test_it_is_told_in_the_language_of_the_project(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, settings: Settings
) -> None:
    settings.LANGUAGE_CODE = "de"
    alerting({"hook": webhook}, repeat_seconds=60)
    run = scene("lost").happens("42")

    with translation.override("en-gb"):
        tell()

    ((subject, body),) = texts(webhook)
    assert subject == "Pay the invoices: 1 Lauf wartet auf Sie, bisher unter einer Minute"
    assert "ob seine Außenwirkung geschehen ist. Das ist bisher unter einer Minute so.\n" in body
    assert "Diese Nachricht kommt jede Minute wieder, bis jemand" in body
    # What the host wrote down is English, whoever reads it.
    (known,) = set(
        run.mutation.history.filter(status="indeterminate").values_list("history_change_reason")
    )
    assert known[0].startswith("outcome unknown, and nobody can be asked: ")


def breaker_of(play: Any) -> None:
    Breaker.objects.create(
        handler=Handler.objects.get(kind="consumer"), status="open", unknowns=5,
        opened_at=timezone.now(), trial_at=timezone.now(),
    )  # fmt: skip


def test_a_breaker_that_opens_anew_is_told_anew_but_not_each_trial(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook})
    breaker_of(scene("applied"))
    told = []
    for act in ("let_one_through", "close_breaker"):
        tell()
        breaker = Breaker.objects.get()
        if act == "close_breaker":
            close_breaker(breaker.handler, actor=operator_user, reason="they are back")
            breaker = Breaker.objects.get()
        else:
            breaker.let_one_through()
        breaker.open(now=timezone.now(), trial_at=timezone.now())
        breaker.save()
        time_passes(seconds=61)
        tell()
        told.append(len(webhook.received))

    assert told == [1, 2]


def test_a_late_answer_that_contradicts_is_told(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook})
    play = scene("applied", "applied")
    runs = [play.happens("1"), play.happens("2")]

    def told_an_hour_later() -> list[Run]:
        before = len(webhook.received)
        time_passes(hours=1)
        tell()
        said = "".join(body for _, body in texts(webhook)[before:])
        by_number = {run.pk: run for run in runs}
        return [by_number[int(pk)] for pk in re.findall(r"/run/(\d+)/change/", said)]

    for run in runs:
        run.mutation.evidence.create(kind="late", verdict="not_applied", contradicts=True)
    assert told_an_hour_later() == runs
    assert [subject for subject, _ in texts(webhook)] == [
        "Pay the invoices: 2 late answers say the opposite of what was decided, for less than a minute"
    ]
    # A note settles nothing; taking it does, and another decision, until there is another answer.
    first, second = runs
    act("add_note", first, operator_user)
    assert told_an_hour_later() == runs
    act("take_run", first, operator_user)
    assert told_an_hour_later() == [second]
    act("skip_run", second, operator_user)
    assert told_an_hour_later() == []
    first.mutation.evidence.create(kind="late", verdict="not_applied", contradicts=True)
    assert told_an_hour_later() == [first]


def test_the_oldest_event_is_found_wherever_it_waits() -> None:
    now = timezone.now()
    looked_at, arrived, unnamed, paused, orphaned = (
        Rows(slug) for slug in ("looked-at", "arrived", "unnamed", "paused", "orphaned")
    )
    event = looked_at.event()
    LaneState.objects.create(handler=looked_at.handler, oldest_pending=event.pk)
    arrived.event(lane="a")
    Arrival.objects.create(topic=arrived.topic, lane="a", transaction="1")
    for rows in (unnamed, paused, orphaned):
        rows.event(lane=None)
    Workflow.objects.filter(slug="paused").update(status="paused")
    Topic.objects.filter(workflow__slug="orphaned").update(consumer=None)
    Event.objects.update(created_at=now - timedelta(seconds=90))
    # Another one of each waits for too long, but not since then; or since before, as its transaction took long.
    for rows, seconds in ((looked_at, 60), (arrived, 120), (unnamed, 60)):
        another = rows.event(lane=None)
        Event.objects.filter(pk=another.pk).update(created_at=now - timedelta(seconds=seconds))
    limits = AlertSettings(oldest_pending_seconds={"*": 60})

    found = pending_too_long(limits, now=now)

    since = now - timedelta(seconds=90)
    before = now - timedelta(seconds=120)
    since_when = ((looked_at, since), (arrived, before), (unnamed, since))
    assert found == {rows.workflow.pk: at for rows, at in since_when}
    assert pending_too_long(limits, now=now - timedelta(seconds=61)) == {}


def test_messages_are_kept_for_three_months_and_those_that_wait_for_good() -> None:
    now = timezone.now()
    workflow = Workflow.objects.create(slug="pay", title="Pay")
    Alert.objects.bulk_create(
        Alert(
            workflow=workflow, channel=f"{status} {days}", status=status, facts=[], next_attempt_at=now,
            created_at=now - timedelta(days=days), ended_at=None if status == "waiting" else now,
        )
        for status in ("waiting", "sent", "dropped")
        for days in (89, 91)
    )  # fmt: skip

    forget_old(now=now)

    assert sorted((alert.status, (now - alert.created_at).days) for alert in Alert.objects.all()) == [
        ("dropped", 89), ("sent", 89), ("waiting", 89), ("waiting", 91)
    ]  # fmt: skip
