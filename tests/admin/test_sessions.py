"""How long a person stays logged in, and when they say again who they are before they decide."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client
from django.urls import path, reverse
from pytest_django import Settings
from unfold.sites import UnfoldAdminSite

from config.urls import urlpatterns as of_project
from tests.admin.addresses import HOME, list_of, page_of, text_of_answer, told
from tests.conftest import logged_in
from workflows_app.models import OperatorAction, Run

pytestmark = pytest.mark.django_db

LOGIN = reverse("admin:login")
#: With spaces at its ends, which are part of it.
PASSWORD = " correct horse "
AGAIN = "Give your password: you logged in some time ago."


class OpenSite(UnfoldAdminSite):
    """A site that lets in whoever has logged in."""

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_authenticated


urlpatterns = [path("open/", OpenSite(name="open").urls), *of_project]


def time_passes(client: Client, seconds: float) -> None:
    """Let what the session remembers be so much older."""
    session = client.session
    for key, value in session.items():
        if isinstance(value, float):
            session[key] = value - seconds
    session.save()


@pytest.fixture
def olga(operator_user: User) -> Client:
    operator_user.set_password(PASSWORD)
    operator_user.save()
    client = Client()
    assert client.login(username="olga", password=PASSWORD)
    return client


def test_who_was_away_for_long_logs_in_again(olga: Client, settings: Settings) -> None:
    settings.WORKFLOWS = {"session_idle_seconds": 600}
    for _ in range(3):
        time_passes(olga, 500)
        assert olga.get(HOME).status_code == 200
    time_passes(olga, 601)

    answer = olga.get(list_of(Run) + "?q=a")

    assert answer.status_code == 302
    assert answer.url == f"{LOGIN}?next=/admin/workflows_app/run/%3Fq%3Da"
    assert told(answer) == ["You were away for long. Log in again."]
    assert "_auth_user_id" not in olga.session


def test_who_logged_in_long_ago_logs_in_again_however_busy(
    olga: Client, settings: Settings
) -> None:
    settings.WORKFLOWS = {"session_seconds": 3600, "session_idle_seconds": 0}
    time_passes(olga, 3590)
    assert olga.get(HOME).status_code == 200
    time_passes(olga, 11)

    answer = olga.get(HOME)

    assert (answer.status_code, told(answer)) == (302, ["You logged in long ago. Log in again."])
    # What was sent can't be asked for again: the way leads home.
    assert olga.login(username="olga", password=PASSWORD)
    time_passes(olga, 3601)
    assert olga.post(list_of(Run), {}).url == f"{LOGIN}?next={HOME}"


def test_a_clock_that_was_ahead_keeps_nobody_logged_in(
    olga: Client, blocked: Run, settings: Settings
) -> None:
    settings.WORKFLOWS = {
        "session_seconds": 90_000,
        "session_idle_seconds": 0,
        "password_again_seconds": 300,
    }
    time_passes(olga, -86_400)
    assert AGAIN in text_of_answer(decide(olga, blocked, "dialog"))
    time_passes(olga, -86_400)
    assert olga.get(HOME).status_code == 302


def test_what_is_sent_too_late_is_not_done(olga: Client, blocked: Run, settings: Settings) -> None:
    settings.WORKFLOWS = {"session_idle_seconds": 600}
    dialog = page_of(blocked, "skip_run")
    time_passes(olga, 601)

    sent = {"_form_submitted": "True", "reason": "Not ours"}
    answer = olga.post(dialog, sent, headers={"hx-request": "true"})

    # The dialog says so, and keeps what was typed.
    assert (answer.status_code, answer.content) == (401, b"")
    again = olga.post(dialog, sent, headers={"hx-request": "true"})
    assert again.status_code == 401, "and so for whoever has logged out"
    assert OperatorAction.objects.count() == 0


def test_a_project_that_wants_no_end_has_none(olga: Client, settings: Settings) -> None:
    settings.WORKFLOWS = {"session_seconds": 0, "session_idle_seconds": 0}
    time_passes(olga, 10_000_000)
    assert olga.get(HOME).status_code == 200


def decide(client: Client, run: Run, way: str, **more: str) -> Any:
    if way == "dialog":
        sent = {"_form_submitted": "True", "reason": "Not ours", **more}
        return client.post(page_of(run, "skip_run"), sent)
    sent = {"action": "bulk_skip_run", "_selected_action": str(run.pk), "confirmed": "yes"}
    return client.post(list_of(Run), {**sent, "reason": "Not ours", **more})


@pytest.mark.parametrize("way", ["dialog", "bulk"])
def test_who_logged_in_some_time_ago_gives_the_password_to_decide(
    olga: Client, blocked: Run, settings: Settings, way: str
) -> None:
    settings.WORKFLOWS = {"password_again_seconds": 300}
    # Whoever has just logged in is not asked.
    assert "Your password" not in text_of_answer(decide(olga, blocked, way, reason=""))
    time_passes(olga, 301)

    assert AGAIN in text_of_answer(decide(olga, blocked, way))
    wrong = decide(olga, blocked, way, your_password="wrong horse")
    assert "This is not your password. Nothing was decided." in text_of_answer(wrong)
    assert "wrong horse" not in wrong.content.decode()
    assert OperatorAction.objects.count() == 0

    assert decide(olga, blocked, way, your_password=PASSWORD).status_code == 302
    assert OperatorAction.objects.get().reason == "Not ours"
    # And then not again for a while.
    assert AGAIN not in text_of_answer(decide(olga, blocked, way))


def test_nobody_is_asked_for_a_password_unless_the_project_wants_it(
    olga: Client, blocked: Run
) -> None:
    time_passes(olga, 3600)
    assert decide(olga, blocked, "dialog").status_code == 302
    assert OperatorAction.objects.count() == 1


@pytest.mark.parametrize("overlap", [False, True], ids=["one by one", "several at once"])
def test_a_password_can_not_be_guessed_in_a_session_of_somebody_else(
    olga: Client, blocked: Run, settings: Settings, overlap: bool
) -> None:
    settings.WORKFLOWS = {"password_again_seconds": 300}
    time_passes(olga, 301)
    for number in range(5):
        decide(olga, blocked, "dialog", your_password=f"guess {number}")
    # The right one counts from the start, also if nothing is decided with it.
    decide(olga, blocked, "dialog", your_password=PASSWORD, reason="")
    time_passes(olga, 301)
    for number in range(6):
        if overlap:
            # The last one to be answered saves what it had read.
            session = olga.session
            session.pop("workflows_wrong_passwords", None)
            session.save()
        assert decide(olga, blocked, "dialog", your_password=f"guess {number}").status_code == 200

    assert decide(olga, blocked, "dialog", your_password=PASSWORD).status_code == 302
    assert OperatorAction.objects.count() == 0
    assert olga.get(HOME).status_code == 302


def test_a_cache_that_is_away_refuses_no_right_password(
    olga: Client, blocked: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WORKFLOWS = {"password_again_seconds": 300}
    time_passes(olga, 301)
    monkeypatch.setattr("workflows_app.admin.sessions.cache.add", lambda *_, **__: False)

    decide(olga, blocked, "dialog", your_password="guess")
    decide(olga, blocked, "dialog", your_password=PASSWORD)

    assert OperatorAction.objects.count() == 1


def test_a_decision_keeps_name_address_and_session(
    olga: Client, blocked: Run, operator_user: User
) -> None:
    olga.post(
        page_of(blocked, "skip_run"),
        {"_form_submitted": "True", "reason": "Not ours"},
        REMOTE_ADDR="10.0.0.7",
    )
    action = OperatorAction.objects.get()
    assert (action.actor_name, action.address, len(action.session)) == ("olga", "10.0.0.7", 64)
    assert olga.session.session_key not in action.session

    operator_user.username = "olga-of-sales"
    operator_user.save()
    for page in (page_of(blocked), page_of(action), list_of(OperatorAction)):
        assert re.search(r"\bolga\b(?!-)", text_of_answer(olga.get(page)))
    assert OperatorAction.objects.get().session == action.session


def test_a_page_that_asks_for_itself_keeps_nobody_logged_in(
    olga: Client, settings: Settings
) -> None:
    settings.WORKFLOWS = {"session_idle_seconds": 600}
    olga.get(HOME)
    time_passes(olga, 400)
    for asks in ("ops-home", "ops-run", "ops-tried"):
        poll = {"hx-request": "true", "hx-trigger": asks}
        assert olga.get(HOME, headers=poll).status_code == 200
    time_passes(olga, 400)
    # Nobody was there for 800 seconds: the next poll leads to the login.
    assert olga.get(HOME, headers=poll).headers["HX-Redirect"] == LOGIN


@pytest.mark.parametrize(
    "name", ["Nowhere/Land", "../../etc/passwd", "/etc/passwd", "x" * 5000, "\x7f"]
)
def test_a_cookie_that_names_no_time_zone_is_not_listened_to(operator: Client, name: str) -> None:
    operator.cookies["workflows_zone"] = name
    assert operator.get(HOME).status_code == 200


def test_who_is_not_let_in_is_given_no_part_of_a_page(settings: Settings) -> None:
    """Of no other site than theirs: each lets in whom it wants."""
    settings.ROOT_URLCONF = __name__
    client = logged_in(User.objects.create_user("rita"))
    statuses = [
        client.get(address, headers={"HX-Request": "true"}).status_code
        for address in (HOME, "/open/password_change/")
    ]
    assert statuses == [403, 200]
