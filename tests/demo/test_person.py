"""The person that the demo plays decides by the bank's records, as a careful one would (P3)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.demo.office import Office
from tests.demo.open_bank import invoice_that
from workflows_app.demo.workflows import BANK_URL_VARIABLE, CreatePayment
from workflows_app.models import Event, OperatorAction, Run

pytestmark = pytest.mark.django_db

MOMENT = timedelta(milliseconds=1)
NOBODY_THERE = "http://127.0.0.1:1"


def pay(invoice: str) -> str:
    return f"Pay invoice {invoice} to ACME Ltd"


def tell(invoice: str) -> str:
    return f"Tell ACME Ltd that invoice {invoice} is paid"


def actions() -> list[tuple[str, str]]:
    rows = OperatorAction.objects.order_by("pk").values_list("operation", "reason")
    return list(rows)


def test_what_the_bank_has_is_asked_for_again(office: Office) -> None:
    invoice = invoice_that("search_down")
    office.receives(invoice)
    office.works()
    person = office.person()
    run = office.run_of(pay(invoice))
    assert run.status == Run.Status.BLOCKED

    assert person.settle(now=office.now) == 1

    why = "It is in the bank's records; the search will find it."
    assert person.decisions == [f"“Try again”: run {run.pk}, {pay(invoice)}. {why}"]
    assert actions() == [("try_again", why)]
    office.works()
    assert person.settle(now=office.now) == 0
    assert office.run_of(pay(invoice)).status == Run.Status.COMMITTED
    assert office.summary().disagreements == []


def test_what_the_search_does_not_find_a_second_time_is_skipped(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = invoice_that("search_down")
    office.receives(invoice)
    office.works()
    person = office.person()
    person.settle(now=office.now)
    monkeypatch.setenv(BANK_URL_VARIABLE, NOBODY_THERE)
    office.works()
    run = office.run_of(pay(invoice))

    assert person.settle(now=office.now) == 1

    why = "It is in the bank's records; nothing is left to do."
    assert person.decisions[1:] == [f"“Skip”: run {run.pk}, {pay(invoice)}. {why}"]
    assert [operation for operation, _ in actions()] == ["try_again", "skip_run"]
    office.works()
    assert office.summary().disagreements == []


def test_what_the_bank_does_not_have_did_not_happen(office: Office) -> None:
    invoice = invoice_that(webhook_fails="unavailable_before")
    office.receives(invoice)
    office.works()
    person = office.person()
    run = office.run_of(tell(invoice))

    assert person.settle(now=office.now) == 1

    why = "It is not in the bank's records."
    assert person.decisions == [f"“It didn't happen”: run {run.pk}, {tell(invoice)}. {why}"]
    assert actions() == [("it_didnt_happen", why)]
    office.works()
    assert [entry["kind"] for entry in office.bank.entries()] == ["payment", "webhook"]
    assert office.summary().disagreements == []


def test_absence_is_no_proof_right_after_sending(office: Office) -> None:
    invoice = invoice_that(webhook_fails="unavailable_before")
    office.receives(invoice)
    office.works()
    person = office.person()
    sent_at = office.run_of(tell(invoice)).mutation.sent_at

    assert person.settle(now=sent_at + CreatePayment.absence_is_proof_after - MOMENT) == 0
    assert (person.decisions, actions()) == ([], [])
    assert person.settle(now=sent_at + CreatePayment.absence_is_proof_after) == 1


def test_a_webhook_that_arrived_is_skipped_since_nobody_can_be_asked(office: Office) -> None:
    invoice = invoice_that(webhook_fails="answer_lost")
    office.receives(invoice)
    office.works()
    person = office.person()
    run = office.run_of(tell(invoice))

    assert person.settle(now=office.now) == 1

    why = "It is in the bank's records; nothing is left to do."
    assert person.decisions == [f"“Skip”: run {run.pk}, {tell(invoice)}. {why}"]
    office.works()
    assert office.summary().disagreements == []


def test_what_the_bank_rejected_needs_nobody(office: Office) -> None:
    rejected, good = invoice_that("rejected"), invoice_that()
    office.receives(rejected, good)
    office.works()

    assert office.person().settle(now=office.now) == 0

    received = Event.objects.filter(topic__name="invoice.received").order_by("pk")
    assert list(received.values_list("message_id", "status")) == [
        (rejected, "consumed"),
        (good, "consumed"),
    ]
    assert office.run_of(pay(rejected)).status == Run.Status.COMMITTED
    summary = office.summary()
    assert (summary.open, summary.disagreements) == ([], [])


def test_what_a_webhook_rejected_is_skipped_and_the_next_is_told(office: Office) -> None:
    rejected, good = invoice_that(webhook_fails="rejected"), invoice_that()
    office.receives(rejected, good)
    office.works()
    person = office.person()
    run = office.run_of(tell(rejected))

    assert person.settle(now=office.now) == 2

    why = 'Rejected: POST answered 410: {"error": "the supplier takes no more news here"}'
    assert person.decisions == [
        f"“Skip event”: event {rejected}. {why}",
        f"“Retry now”: run {run.pk}, {tell(rejected)}. Its event is skipped; go on with the next.",
    ]
    assert [operation for operation, _ in actions()] == ["skip_event", "retry_failed_run"]
    office.works()
    statuses = Event.objects.filter(topic__name="invoice.paid").order_by("pk")
    assert list(statuses.values_list("message_id", "status")) == [
        (rejected, "skipped"),
        (good, "consumed"),
    ]
    summary = office.summary()
    assert (summary.open, summary.disagreements) == ([], [])


def test_what_failed_for_too_long_is_tried_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = invoice_that()
    office.receives(invoice)
    monkeypatch.setenv(BANK_URL_VARIABLE, NOBODY_THERE)
    office.works()
    person = office.person()
    run = office.run_of(pay(invoice))
    assert (run.failure_kind, run.retry_due_at) == ("transient", None)
    monkeypatch.setenv(BANK_URL_VARIABLE, office.bank.url)

    assert person.settle(now=office.now) == 1

    assert person.decisions == [f"“Retry now”: run {run.pk}, {pay(invoice)}. It may work by now."]
    office.works()
    assert office.run_of(pay(invoice)).status == Run.Status.COMMITTED


def test_a_fault_of_the_code_is_left_alone(office: Office) -> None:
    office.receives(invoice_that(webhook_fails="rejected"))
    office.works()
    Run.objects.filter(status="failed").update(failure_kind="logic")
    person = office.person()

    assert person.settle(now=office.now) == 0

    assert (person.decisions, actions()) == ([], [])


def test_a_refused_decision_is_told_and_changes_nothing(office: Office) -> None:
    invoice = invoice_that(webhook_fails="answer_lost")
    office.receives(invoice)
    office.works()
    person = office.person(may_operate=False)

    assert person.settle(now=office.now) == 1

    assert person.decisions == [
        "refused (permission_denied): petra may not use “Skip”: the permission “skip_run” is missing."
    ]
    assert actions() == []
    assert office.run_of(tell(invoice)).status == Run.Status.BLOCKED
