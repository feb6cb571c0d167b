"""How a run stands and what of it nobody may see: each sentence of the pages, in the states that call for it and no other."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import page_of, text_of, text_of_html
from tests.models.rows import NOON, Rows
from workflows_app.models import (
    Event,
    Evidence,
    Lease,
    Mutation,
    Run,
    Workflow,
)
from workflows_app.operations import skip_event
from workflows_app.queries.behind import COUNTED_AT_MOST

pytestmark = pytest.mark.django_db


def lead_of(client: Client, run: Run) -> str:
    """Return the first sentences of the page of a run: below its title, above all that has a heading."""
    page = client.get(page_of(run)).content.decode()
    below = page.split('class="ops-case-lead"')[1].split("</h2>")[1]
    return text_of_html(re.split("<dl|<h3|<div|<section|</div>", below)[0]).replace("\xa0", " ")


OWED = {"owes_retry": True, "ended_at": NOON}
WAITS = "Nothing happens by itself: the main lane of workflow “ Pay ” waits for a person or for a new version."
NOTHING_OWED = "Nothing is owed for it any more."


@pytest.mark.parametrize(
    ("status", "effect", "values", "lead"),
    [
        ("active", "in_flight", {}, "In progress: the call has been under way for 2 hours ."),
        ("active", "applied", {"fencing_token": 1}, "In progress."),
        ("active", "applied", {}, "It waits for its turn."),
        ("active", "", {"fencing_token": 1}, "In progress."),
        ("active", "", {}, "It waits until a person resumes the workflow, and has sent nothing."),
        ("committed", "applied", {}, "Done."),
        ("committed", "", {}, "Done."),
        (
            "committed",
            "failed",
            {},
            "Done, without it: the outside system said no, and the workflow handled that.",
        ),
        ("crashed", "", {}, f"This attempt ended when its worker died. {NOTHING_OWED}"),
        ("failed", "", {}, f"This attempt failed. Nothing was sent outside. {NOTHING_OWED}"),
        ("failed", "failed", {}, f"This attempt failed. It did not happen outside. {NOTHING_OWED}"),
        ("failed", "failed", OWED, f"This attempt failed. It did not happen outside. {WAITS}"),
    ],
)
def test_the_page_of_a_run_begins_with_how_it_stands(
    viewer: Client, status: str, effect: str, values: dict[str, Any], lead: str
) -> None:
    rows = Rows()
    Workflow.objects.update(status="paused")
    run = rows.run(status, **values)
    rows.event().reservations.create(run=run)
    if effect:
        sent_at = timezone.now() - timedelta(hours=2)
        Mutation.objects.filter(pk=rows.mutation(run, effect).pk).update(sent_at=sent_at)
    assert lead_of(viewer, run) == lead
    text = text_of(viewer, page_of(run))
    assert "You may look, but not decide" not in text
    has_given_back = status in ("crashed", "failed") and not values
    assert ("What became of its events" in text) == has_given_back


def test_an_attempt_says_how_it_goes_on_and_leads_there(viewer: Client) -> None:
    rows = Rows()
    for key, told in (
        ("k1", "Run {} goes on with the same call."),
        ("k2", "Its events were given back, and a new attempt began."),
    ):
        first = rows.run("crashed", idempotency_key="k1", title="Pay 1", lane=key)
        retry = rows.run(retry_of=first, idempotency_key=key, title="Pay 2", lane=key)
        told = told.format(retry.pk)
        assert lead_of(viewer, first) == f"This attempt ended when its worker died. {told}"
        text = text_of(viewer, page_of(retry))
        assert f"Attempts run {first.pk} (Pay 1) → run {retry.pk} (this one) Workflow Pay" in text
        for run in (first, retry):
            page = viewer.get(page_of(run)).content.decode()
            links = re.findall(r'href="([^"]+)">run (\d+)</a> \(', page)
            assert links == [(page_of(each), str(each.pk)) for each in (first, retry)]


def test_what_became_of_events_names_the_run_that_did_it(viewer: Client) -> None:
    rows = Rows()
    ended, other = rows.run("failed", lane="a"), rows.run("committed", title="Pay 2", lane="a")
    for status, values in (
        ("reserved", {"reserved_by": other}),
        ("consumed", {}),
        ("skipped", {}),
        ("pending", {}),
    ):
        event = rows.event(status, message_id=status, lane="a", **values)
        for run in (ended, other):
            event.reservations.create(run=run)
    rows.event("consumed", message_id="own", lane="a").reservations.create(run=ended)

    text = text_of(viewer, page_of(ended)).split("What became of its events ")[1]

    by = f"by run {other.pk} Pay 2"
    topic = "invoice.received"
    assert text.startswith(
        f"reserved {topic} Reserved held {by} consumed {topic} Consumed consumed {by}"
        f" skipped {topic} Skipped skipped {by} pending {topic} Pending own {topic} Consumed Events"
    ), text[:300]


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


@pytest.mark.parametrize(("verdict", "warns"), [("applied", True), ("not_applied", False)])
def test_only_what_happened_would_be_done_twice(
    blocked: Run, viewer: Client, verdict: str, warns: bool
) -> None:
    Evidence.objects.create(mutation=blocked.mutation, kind="late", verdict=verdict)
    text = text_of(viewer, page_of(blocked))
    assert ("If you send it again, it may be done twice." in text) == warns
