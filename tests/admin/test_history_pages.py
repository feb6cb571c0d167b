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
from workflows_app.models import Workflow
from workflows_app.operations import pause_workflow, resume_workflow, skip_event

pytestmark = pytest.mark.django_db


def rows_of(client: Client, row: Any, query: str = "") -> list[str]:
    """Return the rows of the history page as a person reads them, the newest first."""
    answer = client.get(history_of(row) + query)
    assert answer.status_code == 200
    body = answer.content.decode().split("<tbody>")[1].split("</tbody>")[0]
    return [text_of_html(part) for part in body.split("<tr>")[1:]]


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
