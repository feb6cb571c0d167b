"""A failed run has its way out on its own page: what was shown there is skipped, each event by a decision of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.addresses import page_of, text_of, text_of_answer
from tests.engine.stage import after, code, consumer, host, send
from tests.models.rows import NOON, Rows
from workflows_app import registry
from workflows_app.models import Event, Lease, OperatorAction, Run
from workflows_app.operations import skip_event
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
)
from workflows_app.testing import registered, scripted

pytestmark = pytest.mark.django_db


def form_of(client: Client, run: Run) -> dict[str, str]:
    """Open the dialog and return what it would send, but for the reason."""
    page = client.get(page_of(run, "skip_events_of_run"), headers={"hx-request": "true"})
    seen = page.content.decode().split('name="seen" value="')[1].split('"')[0]
    return {"_form_submitted": "True", "seen": seen}


def press(client: Client, run: Run, sent: dict[str, str]) -> Any:
    return client.post(page_of(run, "skip_events_of_run"), {**sent, "reason": "Paid by card"})


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

    waiting = rows.run("blocked")
    answer = press(operator, run, sent)

    assert answer.headers["Location"] == page_of(waiting), "it leads to the next that waits"
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


def test_what_somebody_else_has_skipped_since_is_not_taken_for_what_was_shown(
    operator: Client, superuser_user: User
) -> None:
    rows = Rows()
    Lease.objects.create(workflow=rows.workflow)
    run = rows.run("failed", phase="prepared", owes_retry=True, ended_at=NOON)
    first, second = rows.event(), rows.event()
    for event in (first, second):
        event.reservations.create(run=run)
    sent = form_of(operator, run)
    skip_event(first, actor=superuser_user, reason="It came twice")

    answer = press(operator, run, sent)

    assert f"Run {run.pk} is about other events than you saw" in text_of_answer(answer)
    assert OperatorAction.objects.get().event == first


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


@pytest.mark.parametrize(
    ("outcome", "why", "names"),
    [
        ("applied", "its outside effect is settled; only what follows from it is missing", ""),
        ("rejected", "its outside effect is settled; only what follows from it is missing", ""),
        ("nothing waits", "it is about no pending event", "Skip event, "),
    ],
)
def test_a_page_says_why_nothing_can_be_skipped_and_the_log_names_it_where_the_run_could_be_given_up(
    operator: Client, caplog: pytest.LogCaptureFixture, outcome: str, why: str, names: str
) -> None:
    called = scripted(outcome if outcome != "nothing waits" else "applied")

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        if outcome == "nothing waits" and ctx.peek("order.received"):
            return PrepareResult.nothing(wake_at=after(60))
        if outcome == "nothing waits":
            raise ValueError("a fault")
        return PrepareResult(ctx.peek("order.received", limit=1))

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        if prepared.reservations:
            raise ValueError("a fault")

    ship = consumer(prepare, lambda _: MutationCall(called, {}), next, handles_rejection=True)
    with registered(code(ship, calls=[called])):
        event = send()
        host()
        if outcome == "nothing waits":
            skip_event(event, actor=User.objects.get(username="olga"), reason="it is cancelled")
            host(60)
        run = Run.objects.get(status="failed")
        page = text_of(operator, page_of(run))
    assert f"Skip event : not offered, {why}." in page
    assert [
        line.partition(" waits_for=")[2] for line in caplog.messages if "run.failed" in line
    ] == [f"Retry now, {names}or a new version"]


def test_of_a_run_whose_handler_is_gone_from_the_code_nobody_knows_what_it_publishes(
    scene: Callable[..., Any], operator: Client
) -> None:
    run = scene("lost").happens("42")
    with registry.override(code(consumer(), slug="pay", version="1.1")):
        happened, skipped = (
            text_of(operator, page_of(run, button)) for button in ("it_happened", "skip_run")
        )

    assert "what it publishes is not known here" in happened
    assert "What it would have published is not known here" in skipped
