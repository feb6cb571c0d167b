"""The history of a row: who, when, why, before and after (P4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from tests.admin.addresses import (
    history_of,
    old_versions_of,
    page_of,
    text_of,
    text_of_answer,
    text_of_html,
)
from tests.conftest import logged_in
from workflows_app.models import Event, Run, Workflow
from workflows_app.operations import pause_workflow, resume_workflow, skip_event, skip_run

pytestmark = pytest.mark.django_db


def rows_of(client: Client, row: Any, query: str = "") -> list[str]:
    """Return the rows of the history page as a person reads them, the newest first."""
    answer = client.get(history_of(row) + query)
    assert answer.status_code == 200
    body = answer.content.decode().split("<tbody>")[1].split("</tbody>")[0]
    return [text_of_html(part) for part in body.split("<tr>")[1:]]


def fields_of(client: Client, address: str) -> str:
    """Return the fields of a page. The theme drops the colons once it has shown another page."""
    return text_of(client, address).replace(":", "")


def when(row: Any) -> list[str]:
    dates = row.history.order_by("-history_id").values_list("history_date", flat=True)
    return [f"{date:%Y-%m-%d %H:%M:%S} UTC" for date in dates]


def test_the_history_of_an_event_tells_who_when_why_before_and_after(
    scene: Callable[..., Any], operator_user: User, viewer: Client
) -> None:
    event = scene("applied").publish()
    skip_event(event, actor=operator_user, reason="Cancelled by phone")
    # The decision may have been made long before all that came of it was written.
    later = event.history.first()
    later.pk, later.history_date = None, later.history_date + timedelta(minutes=10)
    later.save()
    operator_user.username = "olga-of-sales"
    operator_user.save()

    assert rows_of(viewer, event) == [
        f"{when(event)[0]} olga Cancelled by phone –",
        f"{when(event)[1]} olga Cancelled by phone Status pending → skipped",
        f"{when(event)[2]} no person published by the application made",
    ]


def test_the_history_of_a_run_tells_the_host_from_the_person(
    blocked: Run, operator_user: User, viewer: Client
) -> None:
    skip_run(blocked, actor=operator_user, reason="It is in the bank's list")

    newest, *earlier = rows_of(viewer, blocked)

    assert newest.startswith(f"{when(blocked)[0]} olga It is in the bank's list")
    assert "Status blocked → active" in newest
    assert all(" no person " in row for row in earlier)
    assert "Title – → Pay invoice 42" in earlier[1]
    taken, given_back = (rows_of(viewer, Event.objects.get())[number] for number in (1, 0))
    assert "Reserved by – → Pay invoice 42" in taken
    assert "Reserved by Pay invoice 42 → –" in given_back
    kept_by_host = ("Phase", "What was prepared", "Idempotency key", "Number of the claim")
    assert [word for word in kept_by_host for row in (newest, *earlier) if word in row] == []
    told = "outcome unknown, and nobody can be asked: The outside system took too long to answer."
    assert [told in row for row in earlier] == [True, False, False], earlier
    # Fresh from the database, both ends of every change are there.
    before, after = (old_versions_of(blocked)[number] for number in (-2, -1))
    assert "Status Blocked" in fields_of(viewer, before)
    assert "Status Waiting" in fields_of(viewer, after), "no worker had it yet"


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


def test_an_old_version_tells_what_led_to_it(
    blocked: Run, operator_user: User, viewer: Client
) -> None:
    skip_run(blocked, actor=operator_user, reason="It is in the bank's list")
    event = Event.objects.get()

    first, *_, last = old_versions_of(event)

    assert (
        f"As it was from {when(event)[0]} , after a change by olga : It is in the bank's list"
        in text_of(viewer, last)
    )
    text = text_of(viewer, first)
    assert "after a change by no person : published by the application" in text
    assert "Status Pending Revision 1 Payload As JSON { " in fields_of(viewer, first)
    # What is true now only is not on the page of an old version.
    assert "Runs that reserved it" not in text
    for address, told in ((page_of(event), "How it is now"), (history_of(event), "all changes")):
        assert f'href="{address}">{told}<' in viewer.get(first).content.decode()


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
