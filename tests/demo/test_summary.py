"""The comparison of bank and ledger agrees when they do, and finds whatever is planted (P1, P2, P3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.demo.office import Office
from tests.demo.open_bank import invoice_that
from workflows_app.demo.bank.ledger import read_entries
from workflows_app.demo.invoices import InvoiceFile
from workflows_app.demo.summary import is_settled, progress
from workflows_app.models import Event, LaneState, Mutation, Run, Topic

pytestmark = pytest.mark.django_db

GOOD = invoice_that()
WEBHOOK_LOST = invoice_that(webhook_fails="answer_lost")

Entry = dict[str, Any]


def rewrite(office: Office, change: Callable[[list[Entry]], list[Entry]]) -> None:
    """Change what the bank's records say."""
    entries = change(read_entries(office.bank.records))
    office.bank.records.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))


@pytest.fixture
def paid(office: Office) -> Office:
    """An office that has paid one invoice, and told the supplier."""
    office.receives(GOOD)
    office.works()
    return office


def test_work_that_is_done_agrees(paid: Office) -> None:
    summary = paid.summary()

    assert summary.lines == [
        "Invoices:  1 to pay",
        "Payments:  1 at the bank, 12.50 in all; in the ledger: 1 applied",
        "Events:    invoice.received: 1 consumed",
        "Webhooks:  1 at the bank; in the ledger: 1 applied",
        "Events:    invoice.paid: 1 consumed",
    ]
    assert (summary.open, summary.disagreements) == ([], [])
    assert is_settled(InvoiceFile.read(paid.path))
    assert progress() == "paid: 1, suppliers told: 1"


def test_broken_lines_are_shown_up_to_a_limit(paid: Office) -> None:
    with paid.path.open("a") as file:
        file.write("x\n" * 12)

    lines = paid.summary().lines

    assert lines[0] == "Invoices:  1 to pay, and 12 that can't be paid:"
    assert lines[1:12] == [
        *(f"           line {number}: no JSON" for number in range(2, 12)),
        "           and 2 more",
    ]


def test_what_is_still_unknown_is_open_and_no_disagreement(office: Office) -> None:
    office.receives(WEBHOOK_LOST, GOOD)
    office.works()
    run = Run.objects.get(status="blocked")

    summary = office.summary()

    assert summary.open == [
        f"run {run.pk}, Tell ACME Ltd that invoice {WEBHOOK_LOST} is paid: blocked",
        "events: 1 pending, 1 reserved",
    ]
    assert summary.disagreements == []
    assert not is_settled(InvoiceFile.read(office.path))


def test_what_waits_for_a_retry_is_open(office: Office) -> None:
    rejected = invoice_that(webhook_fails="rejected")
    office.receives(rejected)
    office.works()
    run = Run.objects.get(status="failed")

    summary = office.summary()

    assert summary.open == [
        f"run {run.pk}, Tell ACME Ltd that invoice {rejected} is paid: failed, owes a retry",
        "events: 1 pending",
    ]
    assert summary.disagreements == []
    assert not is_settled(InvoiceFile.read(office.path))


def test_what_the_bank_rejects_is_done_and_told_apart_from_what_failed(office: Office) -> None:
    office.receives(invoice_that("rejected"), invoice_that("unavailable_before"))
    office.works()

    summary = office.summary()

    assert summary.lines[1:3] == [
        "Payments:  1 at the bank, 12.50 in all; in the ledger: 1 applied, 1 failed, 1 rejected",
        "Events:    invoice.received: 2 consumed",
    ]
    assert (summary.open, summary.disagreements) == ([], [])
    assert is_settled(InvoiceFile.read(office.path))


def test_invoices_that_are_not_read_yet_are_open_and_not_lost(office: Office) -> None:
    office.receives(GOOD, "T-x")

    summary = office.summary()

    assert (summary.open, summary.disagreements) == (["invoices: 2 not read yet"], [])
    assert not is_settled(InvoiceFile.read(office.path))


def test_a_lost_invoice_is_found(paid: Office) -> None:
    paid.receives("T-lost")
    LaneState.objects.filter(handler__kind="producer").update(state={"read_to": 2})

    assert paid.summary().disagreements == ["invoice T-lost was lost: it has no event"]


@pytest.mark.parametrize("kind", ["payment", "webhook"])
def test_an_effect_that_happened_twice_is_found(paid: Office, kind: str) -> None:
    rewrite(
        paid,
        lambda entries: [*entries, *(entry for entry in entries if entry["kind"] == kind)],
    )

    assert paid.summary().disagreements == [f"the {kind} of invoice {GOOD} happened 2 times"]


@pytest.mark.parametrize("kind", ["payment", "webhook"])
def test_an_effect_that_is_not_at_the_bank_is_found(paid: Office, kind: str) -> None:
    rewrite(paid, lambda entries: [entry for entry in entries if entry["kind"] != kind])

    assert paid.summary().disagreements == [
        f"the {kind} of invoice {GOOD} is applied here, and not at the bank"
    ]


def test_a_payment_of_another_amount_is_found(paid: Office) -> None:
    rewrite(paid, lambda entries: [{**entry, "amount": "12.51"} for entry in entries])

    assert paid.summary().disagreements == [
        f"the {kind} of invoice {GOOD} differs: amount 12.50 here, 12.51 at the bank"
        for kind in ("payment", "webhook")
    ]


@pytest.mark.parametrize("kind", ["payment", "webhook"])
def test_an_effect_that_the_ledger_does_not_know_is_found(paid: Office, kind: str) -> None:
    stray = {"kind": kind, "key": "k-x", "invoice": "T-x", "amount": "1.00"}
    rewrite(paid, lambda entries: [*entries, stray])

    assert paid.summary().disagreements == [
        f"the {kind} of invoice T-x is at the bank, and here it is unknown"
    ]


def test_an_effect_that_the_ledger_holds_for_failed_is_found(office: Office) -> None:
    rejected = invoice_that("rejected")
    office.receives(rejected)
    office.works()
    key = Mutation.objects.get(status="failed").idempotency_key
    stray = {"kind": "payment", "key": key, "invoice": rejected, "amount": "12.50"}
    rewrite(office, lambda entries: [*entries, stray])

    assert office.summary().disagreements == [
        f"the payment of invoice {rejected} is at the bank, and here it is failed"
    ]


@pytest.mark.parametrize(
    ("topic", "kind"), [("invoice.received", "payment"), ("invoice.paid", "webhook")]
)
def test_an_event_that_was_consumed_for_nothing_is_found(
    paid: Office, topic: str, kind: str
) -> None:
    row = Topic.objects.get(workflow__slug="invoices", name=topic)
    Event.objects.create(topic=row, message_id="T-x", payload={}, status="consumed")

    assert paid.summary().disagreements == [f"invoice T-x is consumed in {topic} without a {kind}"]


def test_a_payment_of_which_no_event_tells_is_found(paid: Office) -> None:
    Event.objects.filter(topic__name="invoice.paid").update(message_id="T-x")

    assert paid.summary().disagreements == [
        "invoice T-x is consumed in invoice.paid without a webhook",
        f"invoice {GOOD} is paid, and no event says so",
    ]


def test_an_unknown_outcome_that_nobody_would_see_is_found(office: Office) -> None:
    office.receives(WEBHOOK_LOST)
    office.works()
    Run.objects.filter(status="blocked").update(status="failed", failure_kind="logic")
    Event.objects.filter(status="reserved").update(status="pending", reserved_by=None)

    assert office.summary().disagreements == [
        "the unknown outcome of supplier.notify ACME Ltd is not visible anywhere"
    ]
