"""How a run stands and what of it nobody may see: each sentence of the pages, in the states that call for it and no other."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import HOME, page_of, text_of, text_of_html
from tests.models.rows import NOON, Rows
from workflows_app.models import (
    Breaker,
    Event,
    Evidence,
    Lease,
    Mutation,
    Run,
    Topic,
    Workflow,
)
from workflows_app.operations import skip_event, take
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


def test_who_looked_into_it_before_is_told_apart_from_a_note(
    blocked: Run, viewer: Client, operator_user: User
) -> None:
    root = User.objects.create_superuser("root")
    take(blocked, actor=root, reason="I call them")
    take(blocked, actor=operator_user)
    text = text_of(viewer, page_of(blocked))
    assert re.search(
        r"Who looks into it olga , since [-\d: UTC]+ root , [-\d: UTC]+ looked into it: I", text
    )


@pytest.mark.parametrize(("verdict", "warns"), [("applied", True), ("not_applied", False)])
def test_only_what_happened_would_be_done_twice(
    blocked: Run, viewer: Client, verdict: str, warns: bool
) -> None:
    Evidence.objects.create(mutation=blocked.mutation, kind="late", verdict=verdict)
    text = text_of(viewer, page_of(blocked))
    assert ("If you send it again, it may be done twice." in text) == warns


def test_a_topic_that_nobody_takes_says_so_and_leads_to_its_own_events(viewer: Client) -> None:
    rows = Rows()
    left = Topic.objects.create(workflow=rows.workflow, name="invoice.left")
    for topic in (rows.topic, left, left):
        rows.event(topic=topic)
    page = viewer.get(page_of(rows.workflow)).content.decode()
    assert "invoice.received 1 pending" in text_of_html(page)
    assert "invoice.left 2 pending, and no consumer takes them" in text_of_html(page)
    links = re.findall(r'href="([^"]+topic=\d+)">(invoice\.\w+)<', page)
    assert len(links) == 2
    for address, name in links:
        found = viewer.get(address).context["cl"].result_list
        assert {event.topic.name for event in found} == {name}


@pytest.mark.parametrize(
    ("status", "home", "page"),
    [
        ("open", "one call is tried at", "No new call goes out. One is tried at 2026-01-01"),
        ("half_open", "one call is being tried Pay", "No new call goes out. One is being tried."),
        ("closed", "", "Calls go out. A definite answer counts from the start."),
    ],
)
def test_a_breaker_says_what_it_lets_out(viewer: Client, status: str, home: str, page: str) -> None:
    rows = Rows()
    mutation = rows.mutation(
        rows.run("blocked", started_at=NOON - timedelta(days=2)), "indeterminate"
    )
    told = mutation.evidence.create(kind="execute", verdict="unknown", detail="ReadTimeout")
    trial_at = None if status == "closed" else NOON
    breaker = Breaker.objects.create(
        handler=rows.handler, status=status, unknowns=2, opened_at=NOON, trial_at=trial_at
    )
    text = text_of(viewer, page_of(breaker))
    assert f"{page}" in text
    assert f"ReadTimeout {told.created_at:%Y-%m-%d %H:%M:%S} UTC" in text
    assert (f"2 unknown outcomes in a row; {home}" in text_of(viewer, HOME)) == bool(home)
    assert ("No calls go out: 1 Too many" in text_of(viewer, HOME)) == bool(home)
