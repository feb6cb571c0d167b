"""How a run stands and what of it nobody may see: each sentence of the pages, in the states that call for it and no other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.addresses import (
    HOME,
    list_of,
    opened,
    page_of,
    text_of,
    text_of_answer,
    text_of_html,
)
from tests.conftest import logged_in
from tests.models.rows import NOON, Rows, update
from workflows_app.models import (
    Event,
    Lease,
    Run,
)
from workflows_app.operations import skip_event, skip_run
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


def ended(rows: Rows, **values: Any) -> Run:
    """Return a failed run about one event, and make the lease by which people decide about it."""
    run = rows.run(
        "failed", **{"lane": "a", "ended_at": NOON, "failure_phase": "emitting"} | values
    )
    event = rows.event("pending", lane="a")
    event.reservations.create(run=run)
    Lease.objects.get_or_create(workflow=rows.workflow)
    return run


def test_a_contradiction_is_taken_whatever_has_become_of_the_run(operator: Client) -> None:
    rows = Rows()
    effect = rows.mutation(rows.run("committed"), "applied")
    Lease.objects.create(workflow=rows.workflow)
    effect.evidence.create(kind="late", verdict="not_applied", contradicts=True)
    assert page_of(effect.run, "take") in operator.get(page_of(effect.run)).content.decode()
    operator.post(page_of(effect.run, "take"), {"_form_submitted": "True", "reason": ""})
    assert "Nothing waits for a decision." in text_of(operator, HOME)


@pytest.mark.parametrize(
    ("later", "told"),
    [
        ({"status": "active"}, "Run {} does it again."),
        ({"status": "failed", "owes_retry": True}, "Run {} does it again."),
        ({"status": "failed", "failure_kind": "logic"}, "Run {} took over."),
    ],
)
def test_who_may_not_see_decisions_reads_that_it_is_done_again_and_not_why(
    later: dict[str, Any], told: str
) -> None:
    rows = Rows()
    denied = ended(rows, failure_message="sue asserted that it did not happen: a reason")
    rows.mutation(denied, "failed", resolved_by="operator")
    skip_event(Event.objects.get(), actor=User.objects.create_superuser("root"), reason="Not ours")
    again = rows.run(lane="a", retry_of=denied, **later)
    person = User.objects.create_user("vera", is_staff=True)
    views = Permission.objects.filter(codename__regex="^(view_|export)")
    person.user_permissions.set(views.exclude(codename="view_operatoraction"))
    vera = logged_in(person)

    page = text_of(vera, page_of(denied))

    assert f"A person said that it did not happen. {told.format(again.pk)}" in page
    assert "What became of its events m1 invoice.received Skipped" in page
    assert "a reason" not in page
    assert b"a reason" not in vera.get(f"{list_of(Run)}export/").getvalue()


@pytest.mark.parametrize("status", ["applied", "skipped"])
def test_what_follows_is_missing_as_long_as_it_is(viewer: Client, status: str) -> None:
    rows = Rows()
    run = ended(rows, owes_retry=True, failure_kind="logic")
    effect = rows.mutation(run, status)
    assert "is missing." in lead_of(viewer, run)
    run.owes_retry = False
    run.save()
    rows.run("committed", retry_of=run, carried_mutation=effect)
    assert "is missing." not in lead_of(viewer, run)


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        ("applied", "Deploy a version that can go on from there."),
        ("", "Skip the event, or deploy a version that can take it."),
    ],
)
def test_of_poison_the_event_is_skipped_if_that_can_be(
    viewer: Client, effect: str, told: str
) -> None:
    rows = Rows()
    run = ended(rows, owes_retry=True, failure_kind="poison")
    if effect:
        rows.mutation(run, effect)
    lead = lead_of(viewer, run)
    assert told in lead
    assert ("Skip the event" in lead) == (not effect)


def test_an_attempt_that_took_no_events_gives_none_back(viewer: Client) -> None:
    rows = Rows()
    run = rows.run("crashed", lane="a", ended_at=NOON)
    rows.run("active", lane="a", retry_of=run)
    told = "This attempt ended: its worker died or hung."
    assert f"{told} A new attempt began." in lead_of(viewer, run)
    rows.event("pending", lane="a").reservations.create(run=run)
    assert f"{told} Its events were given back, and a new attempt began." in lead_of(viewer, run)


@pytest.mark.parametrize(
    ("effect", "is_missing", "told"),
    [("", "", "It is tried again when a person resumes the workflow."),
     ("applied", "What follows from it is missing.", "It is tried again at ")],
)  # fmt: skip
def test_a_paused_workflow_tries_again_what_has_happened_and_nothing_else(
    operator: Client, effect: str, is_missing: str, told: str
) -> None:
    rows = Rows()
    run = ended(rows, owes_retry=True, retry_due_at=NOON)
    if effect:
        rows.mutation(run, effect)
    rows.workflow.pause()
    rows.workflow.save()
    lead = lead_of(operator, run)
    assert told in lead
    assert is_missing in lead
    text = text_of(operator, page_of(run))
    assert "The workflow is paused: nothing new begins in other lanes." in text
    assert "Other lanes go on." not in text
    dialog = opened(operator, "retry_failed_run", run)
    assert ("when somebody resumes it" in dialog) == (not effect)


def test_a_run_that_the_open_breaker_holds_back_says_so(viewer: Client) -> None:
    rows = Rows()
    run = rows.run("active", phase="prepared")
    assert lead_of(viewer, run) == "It waits for its turn."
    rows.breaker("open")
    assert "The circuit breaker of Pay is open" in lead_of(viewer, run)
    denied = rows.run("failed", lane="b")
    rows.mutation(denied, "failed", resolved_by="operator")
    ordered = rows.run("active", phase="prepared", lane="b", retry_of=denied)
    sue = User.objects.create_user("sue")
    ordered_by = {"operation": "it_didnt_happen", "actor": sue, "actor_name": "sue"}
    denied.operator_actions.create(workflow=rows.workflow, **ordered_by)
    assert lead_of(viewer, ordered) == "It waits for its turn."


def test_what_a_decision_is_not_for_is_called_in_the_preview_as_in_the_list(
    operator: Client,
) -> None:
    denied = ended(rows := Rows())
    rows.mutation(denied, "failed", resolved_by="operator")
    chosen = {"action": "bulk_retry_failed_run", "_selected_action": [denied.pk]}
    preview = text_of_answer(operator.post(list_of(Run), chosen))
    assert f"run {denied.pk} Sent again" in preview


def test_what_the_outside_system_said_is_told_of_a_no_that_was_handled(viewer: Client) -> None:
    rows = Rows()
    effect = rows.mutation(rows.run("committed"), "failed")
    effect.evidence.create(kind="execute", verdict="not_applied", detail="The account is closed")
    told = "It refused it for good: The account is closed"
    assert told in text_of(viewer, page_of(effect.run))
    assert told in text_of(viewer, page_of(effect))


def test_a_retry_promises_nothing_of_an_effect_that_was_skipped(
    blocked: Run, operator: Client, operator_user: User
) -> None:
    skip_run(blocked, actor=operator_user, reason="Withdrawn")
    update(blocked, status="failed", failure_kind="logic", owes_retry=True, phase="mutated")
    dialog = opened(operator, "retry_failed_run", blocked)
    assert "the workflow goes on without the effect" in dialog
    assert "is published" not in dialog
