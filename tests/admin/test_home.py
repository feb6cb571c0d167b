"""The home page: what needs a person, first, and in the order in which it should be looked at."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import HOME, list_of, text_of, text_of_answer
from tests.admin.rows import add, stage
from tests.conftest import logged_in
from tests.models.rows import Rows
from workflows_app.models import (
    Event,
    Mutation,
    OperatorAction,
    Run,
    Workflow,
)

pytestmark = pytest.mark.django_db

NOTHING = "Nothing waits for a decision."


def test_before_anything_was_deployed_it_says_what_to_do(db: None, viewer: Client) -> None:
    text = text_of(viewer, HOME)
    assert NOTHING in text
    assert "No workflow was deployed yet: manage.py sync_workflows ." in text
    assert "The last 24 hours" not in text
    for address, words in {
        list_of(Event): "There is nothing here yet.",
        list_of(Run): "There is nothing here yet. Polls that found nothing are left out.",
    }.items():
        assert f" {words} By " in text_of(viewer, address), address
    Workflow.objects.create(slug="pay", title="Pay the invoices", status="paused")
    assert "Pay the invoices paused 0" in text_of(viewer, HOME)


def test_more_than_fifty_are_said_to_be_more(operator_user: User, operator: Client) -> None:
    add(stage(operator_user), 51, "more")
    for number in range(51):
        rows = Rows(f"failing-{number}")
        rows.run("failed", owes_retry=True, ended_at=timezone.now())
    # It was retried long ago, and waits for nobody.
    rows.run("failed", lane="another", ended_at=timezone.now())
    assert Run.objects.filter(status="blocked").count() == 52
    page = operator.get(HOME)
    for words in (
        "Did it happen? 52 These runs",
        "No calls go out: 50 or more Too",
    ):
        assert words in text_of_answer(page)
    assert sum(len(group.runs) for group in page.context["blocked"]) == 50
    for words, number, status in (
        ("All 52 that are blocked, as a list", 52, "blocked"),
        ("All 102 that failed, as a list", 102, "failed"),
    ):
        (address,) = re.findall(f'href="([^"]+)">{words}<', page.content.decode())
        listed = operator.get(html.unescape(address)).context["cl"]
        assert (listed.result_count, listed.result_list[0].status) == (number, status)


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
    took: dict[str, Any] = {"workflow": rows.workflow, "run": run, "actor_name": "tess"}
    OperatorAction.objects.create(operation="take_run", actor=User.objects.create(), **took)

    page = viewer.get(HOME)

    group = next(each for each in page.context[kind] if each.outside != "mail & more")
    assert [run.title for run in group.runs] == [f"Pay {number}" for number in range(12, 2, -1)]
    assert (group.number, group.more) == (13, 3)
    text = text_of_answer(page).replace("\xa0", " ")
    assert text.count("; tess looks into it") == 1
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
