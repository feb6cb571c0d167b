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

from tests.admin.addresses import HOME, page_of, text_of, text_of_answer
from tests.admin.rows import add, stage
from tests.conftest import logged_in
from tests.doctor.planting import plant
from tests.models.rows import Rows
from workflows_app.models import (
    EventInput,
    Input,
    Mutation,
    Run,
    Workflow,
)
from workflows_app.operations import pause_workflow, skip_event, skip_run

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


def test_of_one_lane_it_says_no_more_than_its_state(blocked: Run, viewer: Client) -> None:
    text = text_of(viewer, HOME)
    assert "held" not in text


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
