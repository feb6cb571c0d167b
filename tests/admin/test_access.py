"""Who may look: viewers at everything, staff without permission and strangers at nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from tests.admin.addresses import (
    HOME,
    SHOWN,
    SHOWN_TO_SUPERUSERS,
    WITH_HISTORY,
    history_of,
    list_of,
    old_versions_of,
    one_of_each,
    page_of,
    text_of,
)
from tests.admin.rows import add_alert
from tests.conftest import logged_in
from tests.operations.readiness import everything as all_rows
from workflows_app.models import Event, Run
from workflows_app.operations import skip_event
from workflows_app.waking import defer_advance

pytestmark = pytest.mark.django_db


@pytest.fixture
def everything(scene: Callable[..., Any], operator_user: User) -> None:
    """One row of everything that the console shows."""
    play = scene("lost")
    run = play.happens()
    other = play.publish("43")
    skip_event(other, actor=operator_user, reason="cancelled")
    assert run.status == "blocked"
    defer_advance(run.workflow_id)
    add_alert(run.workflow)


def addresses() -> list[str]:
    rows = one_of_each(SHOWN)
    histories = [row for row in rows if type(row) in WITH_HISTORY]
    return [
        *map(list_of, SHOWN),
        *map(page_of, rows),
        *map(history_of, histories),
        *(old_versions_of(row)[0] for row in histories),
    ]


def answers(client: Client, pages: list[str]) -> dict[str, int]:
    return {page: client.get(page).status_code for page in pages}


def test_a_viewer_sees_every_list_page_and_history(everything: None, viewer: Client) -> None:
    pages = [HOME, *addresses()]
    assert answers(viewer, pages) == dict.fromkeys(pages, 200)


def test_a_superuser_sees_the_queue_too_and_changes_nothing_by_looking(
    everything: None, superuser: Client
) -> None:
    before = all_rows()
    rows = one_of_each(SHOWN_TO_SUPERUSERS)
    pages = [*map(list_of, SHOWN_TO_SUPERUSERS), *map(page_of, rows)]
    pages += [reverse("admin:auth_user_changelist"), reverse("admin:auth_group_changelist")]
    assert answers(superuser, pages) == dict.fromkeys(pages, 200)
    assert all_rows() == before


def test_staff_without_permission_sees_nothing(everything: None) -> None:
    staff = logged_in(User.objects.create_user("stan", is_staff=True))
    pages = addresses()
    assert answers(staff, pages) == dict.fromkeys(pages, 403)


@pytest.mark.parametrize("is_known", [True, False])
def test_who_is_no_staff_is_sent_to_the_login(everything: None, is_known: bool) -> None:
    client = logged_in(User.objects.create_user("paul")) if is_known else Client()
    pages = [HOME, *addresses()]
    asked = {page: client.get(page) for page in pages}
    assert {page: answer.status_code for page, answer in asked.items()} == dict.fromkeys(pages, 302)
    login = reverse("admin:login")
    assert {answer.headers["Location"].partition("?")[0] for answer in asked.values()} == {login}


def test_who_may_see_events_only_sees_no_run(everything: None) -> None:
    person = User.objects.create_user("eve", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_event"))
    client = logged_in(person)
    event = Event.objects.order_by("pk").first()
    run = Run.objects.get(status="blocked")
    assert event is not None
    pages = [list_of(Event), page_of(event), list_of(Run), page_of(run), history_of(event)]
    assert [client.get(page).status_code for page in pages] == [200, 200, 403, 403, 403]


@pytest.mark.parametrize("number", ["0", "99999999", "abc", "9" * 40, "1_2F2", "%00"])
def test_a_row_that_is_not_there_is_not_found(
    everything: None, superuser: Client, number: str
) -> None:
    pages = []
    for model in SHOWN_TO_SUPERUSERS:
        pages += [f"{list_of(model)}{number}/change/", f"{list_of(model)}{number}/history/"]
    for model in WITH_HISTORY:
        pages += [f"{list_of(model)}{number}/history/1/", f"{list_of(model)}1/history/{number}/"]
    found = {page: superuser.get(page) for page in pages}
    # Django leads from a page that is not there to the home page, and says so there.
    assert {
        page: answer.status_code
        for page, answer in found.items()
        if answer.status_code != 404 and getattr(answer, "url", None) != HOME
    } == {}


def test_the_login_leads_to_the_home_page(viewer_user: User) -> None:
    viewer_user.set_password("a long enough word")
    viewer_user.save()
    answer = Client().post(
        reverse("account_login"), {"login": "viktor", "password": "a long enough word"}
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, HOME)


def test_staff_without_permission_is_told_on_the_home_page() -> None:
    staff = logged_in(User.objects.create_user("stan", is_staff=True))
    text = text_of(staff, HOME)
    assert "You don’t have permission to view or edit anything." in text
    assert "Needs a person" not in text
