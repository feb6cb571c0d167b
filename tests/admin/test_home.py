"""The home page: what needs a person, first, and in the order in which it should be looked at."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import HOME, list_of, page_of, text_of, text_of_answer
from tests.admin.rows import add, stage
from tests.conftest import logged_in
from tests.doctor.planting import plant
from tests.models.rows import Rows
from workflows_app.models import (
    Breaker,
    Event,
    EventInput,
    Evidence,
    Input,
    Lease,
    Mutation,
    Run,
    Workflow,
)
from workflows_app.operations import pause_workflow, skip_event, skip_run, take

pytestmark = pytest.mark.django_db

NOTHING = "Nothing waits for a decision."


def links_of(client: Client) -> list[str]:
    """Return the runs that the home page links to among what needs a person, in its order."""
    page = client.get(HOME).content.decode()
    section = page.split('aria-label="Needs a person"')[1].split("</section>")[0]
    return re.findall(r'href="([^"]+)"', section)


def test_before_anything_was_deployed_it_says_what_to_do(db: None, viewer: Client) -> None:
    text = text_of(viewer, HOME)
    assert NOTHING in text
    assert "No workflow was deployed yet: manage.py sync_workflows ." in text
    assert "The last 24 hours" not in text


def test_when_all_is_done_it_says_so(scene: Callable[..., Any], viewer: Client) -> None:
    scene("applied").happens()
    text = text_of(viewer, HOME)
    assert NOTHING in text
    assert "Pay the invoices idle 0" in text
    Workflow.objects.update(status="paused")
    assert "Pay the invoices paused 0" in text_of(viewer, HOME)
    assert (
        "1 run done, 0 attempts failed; 0 unknown outcomes, 0 decisions. By the hour, in UTC:"
        in text
    )
    assert links_of(viewer) == []


def test_what_waits_stands_in_order_blocked_first(
    scene: Callable[..., Any], viewer: Client
) -> None:
    contradicted = scene("applied", slug="c-contradicted").happens("7")
    failed = scene("rejected", slug="a-failed").happens("8")
    later = scene("lost", slug="a-blocked-later").happens("9")
    earlier = scene("lost", slug="b-blocked-earlier").happens("10")
    _began(earlier, hours=5)
    _began(later, hours=1)
    for _ in range(2):
        Evidence.objects.create(
            mutation=contradicted.mutation, kind="late", verdict="not_applied", contradicts=True
        )

    breakers = [Breaker.objects.get(handler=run.handler) for run in (later, earlier)]
    for breaker in breakers:
        at = timezone.now()
        Breaker.objects.filter(pk=breaker.pk).update(status="open", opened_at=at, trial_at=at)

    in_order = (*breakers, contradicted, contradicted, earlier, later, failed)
    assert links_of(viewer) == [page_of(row) for row in in_order]
    assert "<title> (7) Workflow operations</title>" in viewer.get(HOME).content.decode()

    text = text_of(viewer, HOME)
    assert "No calls go out: 2 Too many unknown outcomes in a row" in text
    assert (
        "Did it happen? 2 These runs can't go on until somebody says. Open one, look in the outside"
        " system, and decide. Pay the invoices , scripted : 1 Pay invoice 10 the script blocked for"
        in text
    )
    assert (
        "Failed, and waiting: 1 Nothing was done, or all that was done is known. A person lets it try"
        " again or skips it; or a new version goes on. Pay the invoices , Pay: 1 Pay invoice 8 rejected by"
        " the outside system: rejected by the script failed just now" in text
    )
    assert (
        "The outside says the opposite: 2 Late answers that contradict the ledger. Look outside, and set"
        " right what followed. Pay invoice 7 scripted the"
        " script: the late answer says “it did not happen”, the ledger “Applied”" in text
    )
    workflows = text.split("Workflows Workflow State")[1]
    states = [workflows.find(word) for word in ("blocked", "failed", "idle")]
    assert states == sorted(states)
    assert -1 not in states


def test_open_breakers_stand_before_all_else(blocked: Run, viewer: Client) -> None:
    breaker = Breaker.objects.get()
    breaker.unknowns = 5
    breaker.open(now=timezone.now() - timedelta(hours=2), trial_at=timezone.now())
    breaker.save()

    assert links_of(viewer) == [page_of(breaker), page_of(blocked)]
    text = text_of(viewer, HOME).replace("\xa0", " ")
    assert (
        "No calls go out: 1 Too many unknown outcomes in a row, so no new call goes out. Look whether"
        " the outside system is there. Pay 5 unknown outcomes in a row; one call is tried at "
        in text
    )
    assert "Pay the invoices, open for 2 hours Did it happen? 1" in text
    assert "Pay the invoices blocked no calls go out" in text
    assert "Open breakers Pay 5 unknown outcomes in a row" in text_of(
        viewer, page_of(blocked.workflow)
    )


def test_of_several_lanes_it_says_how_many_are_held_by_what(viewer: Client) -> None:
    rows = Rows()
    hours_ago = timezone.now() - timedelta(hours=3)
    for lane in ("a", "b"):
        rows.mutation(rows.run("blocked", lane=lane, started_at=hours_ago), "indeterminate")
    failed = {"owes_retry": True, "ended_at": timezone.now(), "retry_due_at": timezone.now()}
    rows.run("failed", lane="c", **failed)
    for lane in ("a", "b", "b", "d"):
        rows.event(lane=lane)

    text = text_of(viewer, HOME).replace("\xa0", " ")

    for lane in ("a", "b"):
        assert f"lane “ {lane} ”, blocked for " in text
    assert (
        "Pay blocked 3 of 4 lanes are held (2 blocked, 1 backing off), the first for 3 hours 4 the"
        " oldest for less than a minute 3 of them wait behind a run that holds their lane" in text
    )


def test_of_one_lane_it_says_no_more_than_its_state(blocked: Run, viewer: Client) -> None:
    text = text_of(viewer, HOME)
    assert "held" not in text


def _began(run: Run, *, hours: int) -> None:
    """Let a run have begun long ago, past its history."""
    Run.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(hours=hours))


def test_one_run_is_one_run(blocked: Run, viewer: Client) -> None:
    assert "Did it happen? 1 One run can't go on until somebody says. Open it, look" in text_of(
        viewer, HOME
    )
    assert links_of(viewer) == [page_of(blocked)]


def test_what_was_decided_waits_no_more(
    blocked: Run, operator_user: User, operator: Client
) -> None:
    skip_run(blocked, actor=operator_user, reason="It is in the bank's list")
    assert NOTHING in text_of(operator, HOME)


def test_a_run_that_comes_back_by_itself_needs_nobody(
    scene: Callable[..., Any], viewer: Client
) -> None:
    run = scene("refused").happens(days=0)
    assert (run.status, run.owes_retry) == ("failed", True)
    text = text_of(viewer, HOME)
    assert NOTHING in text
    assert "backing off" in text
    assert f'href="{page_of(run)}">Pay invoice 42</a>' in viewer.get(HOME).content.decode()


def test_more_than_fifty_are_said_to_be_more(operator_user: User, operator: Client) -> None:
    add(stage(operator_user), 51, "more")
    assert Run.objects.filter(status="blocked").count() == 52
    page = operator.get(HOME)
    for words in (
        "Did it happen? 52 These runs",
        "No calls go out: 50 or more Too",
    ):
        assert words in text_of_answer(page)
    assert sum(len(group.runs) for group in page.context["blocked"]) == 50
    all_of_them = r'href="([^"]+)">All 52 that are blocked, as a list<'
    (address,) = re.findall(all_of_them, page.content.decode())
    listed = operator.get(html.unescape(address)).context["cl"]
    assert (listed.result_count, listed.result_list[0].status) == (52, "blocked")


def test_a_workflow_that_no_worker_takes_is_shown_as_overdue(
    blocked: Run, operator_user: User, operator: Client
) -> None:
    pause_workflow(blocked.workflow, actor=operator_user, reason="for a test")
    Lease.objects.update(next_due_at=timezone.now() - timedelta(hours=3))
    text = text_of(operator, HOME).replace("\xa0", " ")
    assert "blocked paused due for 3 hours , and no worker takes it" in text


def test_pending_events_are_counted_with_the_age_of_the_oldest(
    scene: Callable[..., Any], viewer: Client
) -> None:
    play = scene("applied", "lost")
    play.happens("41")
    blocked = play.happens("42")
    for message_id in ("43", "44"):
        play.publish(message_id)
    text = text_of(viewer, HOME).replace("\xa0", " ")
    # What was paid was published in a topic that nobody takes.
    assert "blocked 2 the oldest for less than a minute 1 more that no consumer takes Pay" in text
    assert page_of(blocked) in links_of(viewer)
    assert Event.objects.filter(status="pending").count() == 3


def test_who_may_not_see_runs_sees_the_plain_list_of_what_they_may(blocked: Run) -> None:
    person = User.objects.create_user("eve", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_event"))
    client = Client()
    client.force_login(person)
    page = client.get(HOME)
    assert "may_view_runs" not in page.context
    assert "blocked" not in page.context
    text = text_of(client, HOME)
    assert "Needs a person" not in text
    assert "Pay invoice 42" not in text
    assert list_of(Event) in page.content.decode()
    assert list_of(Workflow) not in page.content.decode()


def test_the_title_counts_what_waits_and_the_page_asks_for_itself_again(
    blocked: Run, viewer: Client, operator_user: User
) -> None:
    page = viewer.get(HOME).content.decode()
    assert "<title> (1) Workflow operations</title>" in page
    assert f'<div id="ops-home" data-waits="1" data-waits-shown="1" hx-get="{HOME}"' in page
    skip_run(blocked, actor=operator_user, reason="It is in the bank's list")
    assert "<title> Workflow operations</title>" in viewer.get(HOME).content.decode()


def test_what_was_skipped_is_told_to_those_who_follow_it_up(
    scene: Callable[..., Any], viewer: Client, operator_user: User
) -> None:
    play = scene("lost")
    skip_run(play.happens("42"), actor=operator_user, reason="Paid by card")
    event = play.publish("43", {"number": "43", "supplier": "ACME", "amount": "12.50"})
    # Of several inputs the last one is enough.
    letter = {"source": "mail", "type": "letter", "external_id": "9", "title": "Letter 9"}
    before = Input.objects.create(workflow=play.workflow, **letter)
    EventInput.objects.create(event=event, input=before)
    cause = Input.objects.create(
        workflow=play.workflow, source="erp", type="invoice", external_id="43", title="Invoice 43"
    )
    EventInput.objects.create(event=event, input=cause)
    skip_event(event, actor=operator_user, reason="Cancelled by phone")
    pause_workflow(play.workflow, actor=operator_user, reason="Lunch")

    text = text_of(viewer, HOME)

    follow_up, last = text.split("Skipped and given up: does somebody have to be told?")[1].split(
        "Last decisions"
    )
    assert (
        follow_up.split(" just now ")[0].rsplit(", by", 1)[0].strip()
        == "Skip event : event 43 Invoice 43; Amount: 12.50, Supplier: ACME Cancelled by phone Pay the invoices"
    )
    assert "Skip : Pay invoice 42 the script Paid by card Pay the invoices, by olga ," in follow_up
    assert "Lunch" not in follow_up
    for days, is_shown in ((29, True), (2, False)):
        plant(
            "UPDATE workflows_app_operatoraction SET created_at = created_at - %(days)s * interval '1 day'",
            {"days": days},
        )
        assert ("Skipped and given up: does" in text_of(viewer, HOME)) == is_shown, days
    assert "Pause : Pay the invoices Lunch" in last


def test_who_looks_into_it_and_an_answer_that_came_late_stand_beside_the_run(
    blocked: Run, viewer: Client, operator_user: User
) -> None:
    take(blocked, actor=operator_user)
    for verdict in ("not_applied", "applied", "unknown"):
        Evidence.objects.create(mutation=blocked.mutation, kind="late", verdict=verdict)

    text = text_of(viewer, HOME)

    assert "Pay invoice 42 answered after all: it happened the script" in text
    assert "olga looks into it" in text


@pytest.mark.parametrize(
    ("kind", "status", "for_whom", "asks"),
    [
        ("blocked", "blocked", "bank.pay", {"status__exact=blocked"}),
        ("failures", "failed", "Pay", {"waits=person", "status__exact=failed"}),
    ],
)
def test_of_many_for_one_outside_system_the_oldest_stand_there_and_the_rest_is_a_link_away(
    viewer: Client, kind: str, status: str, for_whom: str, asks: set[str]
) -> None:
    rows = Rows()
    # Of the same workflow, another outside system is another group.
    mail = rows.mutation(rows.run("blocked", lane="mail"), "indeterminate")
    Mutation.objects.filter(pk=mail.pk).update(mutator="mail & more")
    for number in range(13):
        at: dict[str, Any] = {"started_at": timezone.now() - timedelta(hours=number)}
        if status == "failed":
            at |= {"owes_retry": True, "ended_at": timezone.now() - timedelta(minutes=10)}
        run = rows.run(status, lane=f"lane {number}", title=f"Pay {number}", **at)
        if status == "blocked":
            rows.mutation(run, "indeterminate")

    page = viewer.get(HOME)

    group = next(each for each in page.context[kind] if each.outside != "mail & more")
    assert [run.title for run in group.runs] == [f"Pay {number}" for number in range(12, 2, -1)]
    assert (group.number, group.more) == (13, 3)
    text = text_of_answer(page).replace("\xa0", " ")
    assert re.search(rf"Pay ?, {for_whom} ?: 13", text)
    assert f"All 13 that are {status}" not in text, "none is left out but of the group"
    if status == "failed":
        assert text.split(" Workflows ")[0].count("failed 10 minutes ago") == 10
    (more,) = re.findall(r'href="([^"]*)">All 13 as a list<', page.content.decode())
    assert asks <= set(urlsplit(html.unescape(more)).query.split("&"))
    listed = viewer.get(html.unescape(more)).context["cl"]
    assert {run.title for run in listed.result_list} == {f"Pay {number}" for number in range(13)}
    if kind == "blocked":
        # Whoever may not see effects has them by workflow alone, with no word of what calls outside.
        stranger = User.objects.create_user("eve", is_staff=True)
        stranger.user_permissions.set(Permission.objects.filter(codename="view_run"))
        body = logged_in(stranger).get(HOME).content.decode()
        (more,) = re.findall(r'href="([^"]*)">All 14 as a list<', body)
        listed = logged_in(stranger).get(html.unescape(more)).context["cl"]
        assert (len(listed.result_list), "mail & more" in html.unescape(body)) == (14, False)
