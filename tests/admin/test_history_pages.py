"""The history of a row: who, when, why, before and after (P4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from tests.admin.addresses import (
    history_of,
    page_of,
    text_of,
    text_of_answer,
    text_of_html,
)
from tests.conftest import logged_in
from workflows_app.models import Run, Workflow
from workflows_app.operations import pause_workflow, resume_workflow, skip_event, skip_run

pytestmark = pytest.mark.django_db


def rows_of(client: Client, row: Any, query: str = "") -> list[str]:
    """Return the rows of the history page as a person reads them, the newest first."""
    answer = client.get(history_of(row) + query)
    assert answer.status_code == 200
    body = answer.content.decode().split("<tbody>")[1].split("</tbody>")[0]
    return [text_of_html(part) for part in body.split("<tr>")[1:]]


def test_a_history_is_filtered_by_who_changed_it_and_by_what_changed(
    blocked: Run, operator_user: User, viewer: Client
) -> None:
    skip_run(blocked, actor=operator_user, reason="It is in the bank's list")
    everything = rows_of(viewer, blocked)
    page = viewer.get(history_of(blocked)).content.decode()
    choices = re.findall(
        r'<a href="\?([^"]*)"[^>]*><bdi>([^<]*)', page.split('<table id="change')[0]
    )
    assert choices[:3] == [
        ("", "All"),
        (f"person={operator_user.pk}", "olga"),
        ("person=none", "no person"),
    ]
    assert {query for query, _ in choices[3:]} >= {"", "changed=status", "changed=title"}
    assert ("changed=workflow", "Workflow") not in choices, "which never changed"

    chosen = viewer.get(f"{history_of(blocked)}?changed=status&person=none").content.decode()
    links = re.findall(
        r'<a href="\?([^"]*)"([^>]*)><bdi>(?:All|olga|no person|Status|Title)<', chosen
    )
    assert links == [
        ("changed=status", ""),
        (f"changed=status&amp;person={operator_user.pk}", ""),
        ("changed=status&amp;person=none", ' aria-current="true"'),
        ("person=none", ""),
        ("person=none&amp;changed=status", ' aria-current="true"'),
        ("person=none&amp;changed=title", ""),
    ]
    # Of what changed in one way alone, and by nobody, there is nothing to choose.
    assert 'class="ops-dates"' not in viewer.get(history_of(blocked.version)).content.decode()

    for query, is_shown in [
        *(
            (query, lambda row: True)
            for query in ("", "person=x", "changed=id", "changed=no_field")
        ),
        (f"person={operator_user.pk}", lambda row: "olga" in row),
        ("person=none", lambda row: "no person" in row),
        ("changed=status", lambda row: "Status" in row),
        ("changed=title&person=none", lambda row: "Title" in row and "no person" in row),
    ]:
        # With what it was before, also if that stands in a row that is left out.
        assert rows_of(viewer, blocked, f"?{query}") == list(filter(is_shown, everything)), query
    neither = text_of(viewer, f"{history_of(blocked)}?changed=title&person={operator_user.pk}")
    assert "No change is as the filters ask." in neither


def test_history_names_a_person_as_they_were_called_then(
    scene: Callable[..., Any], operator_user: User, viewer: Client
) -> None:
    workflow = scene("applied").workflow
    for name in ("olga", "olga of sales"):
        User.objects.filter(pk=operator_user.pk).update(username=name)
        operator_user.refresh_from_db()
        pause_workflow(workflow, actor=operator_user, reason="Month end")
        resume_workflow(workflow, actor=operator_user, reason="It is over")

    told = [re.sub(r"^.*UTC ", "", row) for row in rows_of(viewer, workflow)[:4]]

    assert [row.split(" Status")[0] for row in told] == [
        "olga of sales It is over",
        "olga of sales Month end",
        "olga It is over",
        "olga Month end",
    ]


def test_a_long_history_has_pages_and_loses_no_change_between_them(
    scene: Callable[..., Any], operator_user: User, viewer: Client
) -> None:
    workflow = scene("applied").workflow
    for number in range(51):
        pause_workflow(workflow, actor=operator_user, reason=f"pause {number}")
        resume_workflow(workflow, actor=operator_user, reason=f"resume {number}")
    workflow = Workflow.objects.get()
    number = workflow.history.count()
    assert number > 102

    answer = viewer.get(history_of(workflow))

    shown = list(answer.context["page_obj"])
    assert len(shown) == 100
    assert [len(record.history_delta_changes) for record in shown] == [1] * 100
    assert f"{number} entries" in text_of(viewer, history_of(workflow))
    paused = viewer.get(f"{history_of(workflow)}?p=2&changed=status")
    assert "102 entries" in text_of_answer(paused)
    assert '<a class="ops-link" href="?changed=status&amp;p=1">1</a>' in paused.content.decode()
    for page in ("rubbish", "0", "99999", "9" * 40):
        assert viewer.get(f"{history_of(workflow)}?p={page}").status_code == 200


def test_times_are_in_the_time_zone_of_the_project_and_say_so(
    scene: Callable[..., Any], operator_user: User, viewer: Client
) -> None:
    event = scene("applied").publish()
    skip_event(event, actor=operator_user, reason="Cancelled")
    at: datetime = event.history.order_by("-history_id").first().history_date
    assert at.tzinfo == UTC

    with timezone.override("Asia/Kathmandu"):
        newest = rows_of(viewer, event)[0]
        page = text_of(viewer, page_of(event))

    local = at.astimezone(timezone.get_fixed_timezone(5 * 60 + 45))
    assert newest.startswith(f"{local:%Y-%m-%d %H:%M:%S} +0545 olga")
    assert "+0545" in page
    assert "UTC" not in page


@pytest.mark.parametrize("setting", [True, False])
def test_history_has_a_permission_of_its_own_whatever_the_project_has_set(
    scene: Callable[..., Any], settings: Settings, setting: bool
) -> None:
    settings.SIMPLE_HISTORY_ENFORCE_HISTORY_MODEL_PERMISSIONS = setting
    event = scene("applied").publish()
    person = User.objects.create_user("pia", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_event"))

    assert logged_in(person).get(page_of(event)).status_code == 200
    assert logged_in(person).get(history_of(event)).status_code == 403
