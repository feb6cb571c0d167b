"""A failed run has its way out on its own page, and tells what became of its events, and of no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.addresses import page_of, text_of, text_of_answer, told
from tests.models.rows import NOON, Rows
from workflows_app.models import Event, Lease, OperatorAction, Run
from workflows_app.operations import retry_failed_run, skip_event

pytestmark = pytest.mark.django_db


def form_of(client: Client, run: Run) -> dict[str, str]:
    """Open the dialog and return what it would send, but for the reason."""
    page = client.get(page_of(run, "skip_events_of_run"), headers={"hx-request": "true"})
    seen = page.content.decode().split('name="seen" value="')[1].split('"')[0]
    return {"_form_submitted": "True", "seen": seen}


def press(client: Client, run: Run, sent: dict[str, str]) -> Any:
    return client.post(page_of(run, "skip_events_of_run"), {**sent, "reason": "Paid by card"})


def test_one_press_with_one_reason_skips_the_events_of_a_failed_run(
    scene: Callable[..., Any], operator: Client
) -> None:
    play = scene("rejected", "applied")
    run = play.happens("42")
    play.publish("43")
    assert run.owes_retry
    # Its own event is none of those behind it.
    assert "1 event waits behind this run in the main lane" in text_of(operator, page_of(run))
    sent = form_of(operator, run)
    never = "This workflow never does “Pay invoice 42”. invoice.paid is not published as after a success"
    assert never in text_of(operator, page_of(run, "skip_events_of_run"))
    event = Event.objects.get(message_id="42")
    for row, name, what in (
        (run, "skip_events_of_run", "Pay invoice 42"),
        (event, "skip_event", "42"),
    ):
        dialog = text_of(operator, page_of(row, name))
        assert "The outside system refused it for good." in dialog
        assert f"“{what}” is no longer wanted, or somebody sees to it outside" in dialog

    answer = press(operator, run, sent)

    assert told(answer) == [
        "Pay invoice 42: Skip event: what it was about is skipped, and its lane goes on."
    ]
    action = OperatorAction.objects.get()
    assert (action.operation, action.event.message_id, action.reason) == (
        "skip_event",
        "42",
        "Paid by card",
    )
    play.run_host()
    assert list(Event.objects.order_by("pk").values_list("message_id", "status")) == [
        ("42", "skipped"),
        ("43", "consumed"),
        ("43", "pending"),
    ]
    # Pressed again, it is told what became of that, and changes nothing.
    assert told(press(operator, run, sent))[-2] == (
        f"Run {run.pk} is about no pending event any more: look at its page again."
    )
    assert OperatorAction.objects.count() == 1


def test_all_that_a_run_took_is_skipped_each_by_a_decision_of_its_own(operator: Client) -> None:
    rows = Rows()
    Lease.objects.create(workflow=rows.workflow)
    run = rows.run("failed", phase="prepared", owes_retry=True, ended_at=NOON)
    events = [rows.event(payload={"amount": number}) for number in (12, 13)]
    for event in events:
        event.reservations.create(run=run)
    sent = form_of(operator, run)
    assert "m1 Amount 12 invoice.received m2 Amount 13" in text_of(
        operator, page_of(run, "skip_events_of_run")
    )

    press(operator, run, sent)

    actions = OperatorAction.objects.order_by("pk").values_list("event", "event__status")
    assert list(actions) == [(event.pk, "skipped") for event in events]
    assert not Run.objects.get(pk=run.pk).owes_retry


def test_it_shows_what_would_be_skipped_and_refuses_what_was_not_shown(
    scene: Callable[..., Any], operator: Client
) -> None:
    play = scene("rejected")
    run = play.happens("42", {"amount": "12.50", "to": "ACME"})
    sent = form_of(operator, run)
    play.publish("42", {"amount": "99.00", "to": "ACME"})

    answer = press(operator, run, sent)

    text = text_of_answer(answer)
    assert "Event 42 is not as you saw it: it was published again" in text
    assert "invoice.received 42 To ACME Amount 99.00" in text
    assert OperatorAction.objects.count() == 0
    assert press(operator, run, {**sent, "seen": "rubbish 1:2:3"}).status_code == 200
    assert OperatorAction.objects.count() == 0


def test_of_a_run_that_took_nothing_the_first_event_of_its_lane_is_skipped(
    operator: Client,
) -> None:
    rows = Rows()
    Lease.objects.create(workflow=rows.workflow)
    failed = {"failure_kind": "poison", "owes_retry": True, "ended_at": NOON}
    run = rows.run("failed", phase="preparing", lane="ACME", **failed)
    first, second, other = (rows.event(lane=lane) for lane in ("ACME", "ACME", "other"))

    press(operator, run, form_of(operator, run))

    statuses = Event.objects.order_by("pk").values_list("pk", "status")
    assert list(statuses) == [
        (first.pk, "skipped"),
        (second.pk, "pending"),
        (other.pk, "pending"),
    ]
    assert not Run.objects.get(pk=run.pk).owes_retry


def test_what_another_run_did_for_others_is_never_told_of_its_own_events(
    scene: Callable[..., Any], operator: Client, operator_user: User
) -> None:
    play = scene("rejected", "applied")
    failed = play.happens("42")
    play.publish("43")
    retry_failed_run(failed, actor=operator_user, reason="It may work by now")
    skip_event(Event.objects.get(message_id="42"), actor=operator_user, reason="Paid by card")
    play.run_host()
    retry = Run.objects.get(retry_of=failed)
    assert (retry.status, retry.title) == ("committed", "Pay invoice 43")

    text = text_of(operator, page_of(failed)).split("Where it came from")[0]

    assert (
        "Its events were given back, and a new attempt began. It did not happen outside: the outside"
        " system refused it for good. Nothing is" not in text
    )
    assert "What became of its events 42 invoice.received Skipped" in text
    assert "ommitted" not in text
    assert f"Attempts run {failed.pk} (this one) → run {retry.pk} (Pay invoice 43)" in text
