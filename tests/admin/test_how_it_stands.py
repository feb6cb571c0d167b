"""How a run stands and what of it nobody may see: each sentence of the pages, in the states that call for it and no other."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.addresses import page_of, text_of, text_of_html
from tests.models.rows import Rows
from workflows_app.models import (
    Event,
    Lease,
    Run,
)
from workflows_app.operations import skip_event
from workflows_app.queries.behind import COUNTED_AT_MOST

pytestmark = pytest.mark.django_db


def lead_of(client: Client, run: Run) -> str:
    """Return the first sentences of the page of a run: below its title, above all that has a heading."""
    page = client.get(page_of(run)).content.decode()
    below = page.split('class="ops-case-lead"')[1].split("</h2>")[1]
    return text_of_html(re.split("<dl|<h3|<div|<section|</div>", below)[0]).replace("\xa0", " ")


def test_what_followed_is_told_of_three_and_the_others_are_marked(
    viewer: Client, operator_user: User
) -> None:
    rows = Rows()
    Lease.objects.create(workflow=rows.workflow)
    run = rows.run("committed", lane="a")
    event = rows.event("pending")
    event.reservations.create(run=run)
    skip_event(event, actor=operator_user, reason="Not ours")
    for number, end in ((3, ""), (4, ", …")):
        while Event.objects.filter(created_by=run).count() < number:
            rows.event(message_id=f"paid {Event.objects.count()}", created_by=run)
        lead = lead_of(viewer, run).replace(" ,", ",")
        followed = ", ".join(f"invoice.received paid {each}" for each in (1, 2, 3))
        assert lead.endswith(f"What followed: {followed}{end}"), number


def test_behind_many_the_number_is_open(viewer: Client) -> None:
    rows = Rows()
    run = rows.mutation(rows.run("blocked"), "indeterminate").run
    for number, told in ((COUNTED_AT_MOST, "1000 events"), (1, "1000 or more events")):
        Event.objects.bulk_create(
            Event(topic=rows.topic, lane="", message_id=f"{told} {each}", payload={})
            for each in range(number)
        )
        waits = f" {told} wait behind this run in the main lane , the oldest for"
        assert waits in text_of(viewer, page_of(run))


def test_what_the_host_said_is_read_in_german(viewer: Client) -> None:
    rows = Rows()
    told = {"failure_message": "its worker died, 2 times in a row", "failure_phase": "preparing"}
    run = rows.run("failed", failure_kind="poison", **told)
    mutation, breaker = rows.mutation(run, "indeterminate"), rows.breaker("open")
    mutation.evidence.create(kind="execute", verdict="unknown", detail="no answer within 30 s")
    breaker.unknowns = 1
    breaker.save()
    german = Client(headers={"accept-language": "de"})
    german.cookies = viewer.cookies
    assert (
        "sein Worker ist abgestürzt, 2-mal in Folge"
        in text_of(german, page_of(run)).split("Fehler")[-1]
    )
    assert "keine Antwort innerhalb von 30 s" in text_of(german, page_of(breaker))
