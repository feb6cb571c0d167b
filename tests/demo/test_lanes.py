"""In the demo each supplier has a lane: what is unknown about one holds up no other (P8)."""

from __future__ import annotations

import pytest

from tests.demo.office import Office
from tests.demo.open_bank import invoice_that
from workflows_app.conf import LANE_LENGTH
from workflows_app.demo.workflows import lane_of_supplier
from workflows_app.models import Event, LaneState, Run
from workflows_app.publishing import publish

LONG = "L" * LANE_LENGTH


@pytest.mark.django_db
def test_a_blocked_supplier_holds_up_no_other(office: Office) -> None:
    unheard, waiting, free = invoice_that(webhook_fails="answer_lost"), "T-waits", invoice_that()
    office.receives(unheard)
    office.works()
    office.receives(waiting)
    office.receives(free, supplier="Other Ltd")
    office.works()

    assert office.run_of(f"Tell ACME Ltd that invoice {unheard} is paid").status == "blocked"
    assert office.run_of(f"Tell Other Ltd that invoice {free} is paid").status == "committed"
    assert set(Event.objects.filter(status="pending").values_list("message_id", "lane")) == {
        (waiting, "ACME Ltd")
    }
    assert Run.objects.filter(lane="Other Ltd").count() == 2


@pytest.mark.django_db
def test_each_lane_counts_how_its_runs_ended(office: Office) -> None:
    office.receives(invoice_that(), invoice_that("rejected"))
    office.receives("T-x", supplier="Other Ltd")
    office.works()

    states = LaneState.objects.filter(handler__name="PayInvoice", state__isnull=False)
    assert list(states.order_by("lane").values_list("lane", "state")) == [
        ("ACME Ltd", {"paid": 1, "rejected": 1}),
        ("Other Ltd", {"paid": 1}),
    ]


@pytest.mark.parametrize(
    ("payload", "lane"),
    [
        ({"supplier": "ACME Ltd"}, "ACME Ltd"),
        ({"supplier": LONG}, LONG),
        ({"supplier": " "}, ""),
        ({"supplier": None}, ""),
        ({"supplier": ["ACME"]}, ""),
        ({}, ""),
        ("ACME", ""),
        (None, ""),
    ],
)
def test_the_lane_is_the_supplier_if_there_is_one(payload: object, lane: str) -> None:
    assert lane_of_supplier(payload) == lane


@pytest.mark.django_db
def test_a_supplier_that_no_lane_can_be_called_gets_one_of_its_own(office: Office) -> None:
    suppliers = [LONG + "a", LONG + "b", LONG + "a", "producer:ReadInvoices"]
    for number, supplier in enumerate(suppliers):
        payload = {"number": str(number), "amount": "1.00", "supplier": supplier}
        publish(
            workflow="invoices",
            topic="invoice.received",
            message_id=str(number),
            payload=payload,
        )

    lanes = list(Event.objects.order_by("pk").values_list("lane", flat=True))
    assert lanes[0] == lanes[2]
    assert len(set(lanes)) == 3
