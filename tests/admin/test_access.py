"""Who may not look: staff without permission, and strangers, see nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
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
)
from tests.admin.rows import add_alert
from tests.conftest import logged_in
from workflows_app.models import Run
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


def test_whoever_has_no_permission_or_is_no_staff_sees_nothing(everything: None) -> None:
    login, pages = reverse("admin:login"), [*addresses(), f"{list_of(Run)}search/?q=pay"]
    known, staff = (User.objects.create_user(name, is_staff=name == "stan") for name in ("paul", "stan"))  # fmt: skip
    for client in (Client(), logged_in(known)):
        asked = [client.get(page) for page in [HOME, *pages]]
        assert {answer.status_code for answer in asked} == {302}
        assert {answer.headers["Location"].partition("?")[0] for answer in asked} == {login}
    client = logged_in(staff)
    assert {page: client.get(page).status_code for page in pages} == dict.fromkeys(pages, 403)


def test_a_row_that_is_not_there_is_not_found(superuser: Client) -> None:
    numbers = itertools.cycle(["0", "99999999", "abc", "9" * 40, "1_2F2", "%00"])
    pages = [f"{list_of(model)}{{}}/{page}/" for model in SHOWN_TO_SUPERUSERS for page in ("change", "history")]  # fmt: skip
    for model in WITH_HISTORY:
        pages += [f"{list_of(model)}{{}}/history/1/", f"{list_of(model)}1/history/{{}}/"]
    asked = [page.format(number) for page, number in zip(pages, numbers, strict=False)]
    found = {page: superuser.get(page) for page in asked}
    # Django leads from a page that is not there to the home page, and says so there.
    assert {
        page: answer.status_code
        for page, answer in found.items()
        if answer.status_code != 404 and getattr(answer, "url", None) != HOME
    } == {}
