"""Before every page: what takes the database too long is stopped, what no page could read is refused, and
each refusal is one line in the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import load_command_class
from django.db import connection
from django.test import Client
from pytest_django import Settings

from tests.admin.addresses import HOME, list_of, page_of, text_of_html
from tests.commands import console
from tests.conftest import logged_in
from tests.eventually import eventually
from tests.rivals import Rival, holding, waiting_for_locks
from workflows_app.models import Event, OperatorAction, Run
from workflows_app.statement_limits import statements_limited

EVENTS_HELD = "LOCK TABLE workflows_app_event IN ACCESS EXCLUSIVE MODE"
TOO_LONG = (
    "This takes the database too long. It was stopped after 0.2 seconds, so that others need not wait."
    " Ask for less: a filter, or other words to search for. If every page says this, tell who runs this"
    " system."
)
INSIDES = re.compile(r"psycopg|QueryCanceled|Traceback|SELECT|statement", re.IGNORECASE)


@pytest.fixture
def client(superuser: Client) -> Client:
    superuser.raise_request_exception = False
    return superuser


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged of the web: each a line without a traceback."""
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record for record in told if record.exc_info] == []
    return [record.getMessage() for record in told]


def text_of_page(answer: Any) -> str:
    return text_of_html(
        re.findall(r'<main id="main".*?</main>', answer.content.decode(), re.DOTALL)[0]
    )


@pytest.mark.django_db(transaction=True)
def test_what_takes_the_database_too_long_is_stopped_and_told(
    scene: Callable[..., Any], client: Client, settings: Settings, caplog: Any
) -> None:
    settings.WORKFLOWS = {"web_statement_seconds": 0.2}
    event = scene().publish("1")
    skip = page_of(event, "skip_event")
    with holding(EVENTS_HELD):
        answer = client.get(list_of(Event))
        sent = client.post(skip, {"_form_submitted": "True", "reason": "Not ours"})
        assert client.get("/healthz").content == b"ok\n"
        assert client.get("/readyz").content == b"ok\n"

    assert (answer.status_code, sent.status_code) == (503, 503)
    assert text_of_page(answer) == f"{TOO_LONG} Look again"
    assert "http-equiv" not in answer.content.decode()
    assert text_of_page(sent) == (
        f"{TOO_LONG} Nobody knows yet whether what you just sent was saved. Look before you send it again:"
        " what was saved shows on the page, and in its history. Look at the page"
    )
    assert not INSIDES.search(text_of_page(answer) + text_of_page(sent))
    assert OperatorAction.objects.count() == 0
    assert [line for line in lines(caplog) if "web." in line] == [
        f"web.too_long seconds=0.2 user=root address=127.0.0.1 method=GET path={list_of(Event)}",
        f"web.too_long seconds=0.2 user=root address=127.0.0.1 method=POST path={skip}",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_full_console_says_so_at_once_and_still_tells_how_it_is(
    scene: Callable[..., Any], client: Client, settings: Settings
) -> None:
    settings.WORKFLOWS = {"pages_at_once": 1}
    scene().publish("1")
    with holding(EVENTS_HELD):
        reading = Rival(lambda: client.get(list_of(Event)).status_code)
        eventually(waiting_for_locks, 1)
        other = logged_in(User.objects.get(username="root"))
        full = other.get(list_of(Run))
        ready = other.get("/readyz")
        sent = other.post(list_of(Run), {})
        assert other.get("/static/workflows_app/admin.css").status_code in (200, 404)
        assert other.get("/healthz").content == b"ok\n"

    assert (full.status_code, full.headers["Retry-After"], full.headers["Refresh"]) == (
        503,
        "5",
        "5",
    )
    assert (sent.status_code, "Refresh" in sent.headers) == (503, False)
    assert full.content == b"All places for pages are taken. Try again in a moment.\n"
    assert (ready.status_code, ready.content) == (
        503,
        b"All places for pages are taken (WORKFLOWS['pages_at_once']).\n",
    )
    assert reading.result() == 200
    assert other.get(list_of(Run)).status_code == 200


def limit() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_command_has_a_limit_of_its_own_and_says_when_it_is_reached(settings: Settings) -> None:
    settings.WORKFLOWS = {"command_statement_seconds": 0.2, "report_statement_seconds": 0.3}
    before = limit()
    fixed = "It had not looked at everything. What was fixed stays fixed."
    with holding("LOCK TABLE workflows_app_run IN ACCESS EXCLUSIVE MODE"):
        for words, left, kind in (
            (["list_blocked"], "Nothing was changed.", "command"),
            (["doctor", "--fix"], fixed, "report"),
            (["trace", "run", "1"], "Nothing was changed.", "report"),
        ):
            ran = console.run(*words)
            assert (ran.code, ran.err) == (
                1,
                f"CommandError: A statement took the database too long, and was stopped. {left}"
                f" The limit is {kind}_statement_seconds of the WORKFLOWS setting.\n",
            )
    assert limit() == before


@pytest.mark.parametrize(
    ("command", "limit"),
    [
        ("run_worker", "worker"),
        ("doctor", "report"),
        ("trace", "report"),
        ("skip_events", "command"),
    ],
)
def test_each_command_has_the_limit_of_its_kind(command: str, limit: str) -> None:
    loaded: Any = load_command_class("workflows_app", command)
    assert loaded.statement_limit == f"{limit}_statement_seconds"


@pytest.mark.django_db(transaction=True)
def test_a_limit_is_that_of_the_page_the_worker_or_the_command(settings: Settings) -> None:
    """Of all threads of a worker, and of a page alone where it is answered."""
    usual = limit()
    with statements_limited(7, everywhere=True):
        assert (limit(), Rival(limit).result()) == ("7s", "7s")
        with statements_limited(3):
            assert (limit(), Rival(limit).result()) == ("3s", "7s")
        # Below a millisecond PostgreSQL has no limit, and above 24 days no number.
        for seconds, told in ((0, "0"), (0.0001, "1ms"), (1e9, "2147483647ms")):
            with statements_limited(seconds):
                assert limit() == told
        with statements_limited(9, everywhere=True):
            assert (limit(), Rival(limit).result()) == ("9s", "9s")
        assert (limit(), Rival(limit).result()) == ("7s", "7s")
        connection.close()
        # A session that a pooler lends would give its limit to others.
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
            assert limit() == usual
    assert limit() == usual


def test_an_address_with_a_nul_is_refused_before_anybody_reads_it(client: Client) -> None:
    for address in ("/admin/?a=%00", "/admin/?a%00=1", "/admin/autocomplete/?term=a%00b"):
        answer = client.get(address)
        assert (answer.status_code, answer.content) == (
            400,
            b"An address must not contain NUL characters.\n",
        )
    for address in ("/%00", "/admin/%00/", f"{list_of(Event)}1%00/change/"):
        assert client.get(address).status_code == 404


def test_an_address_that_is_too_long_is_refused_before_anybody_makes_a_number_of_it(
    scene: Callable[..., Any], client: Client
) -> None:
    event = scene().publish("1")
    digits = "9" * 4_500
    history = list_of(Event) + f"{event.pk}/history/{digits}/"

    for address in (f"{list_of(Event)}?topic={digits}", history):
        answer = client.get(address)
        assert (answer.status_code, answer.content) == (
            400,
            b"An address must not have more than 4,094 characters.\n",
        )


@pytest.mark.parametrize("page", ["-1", "0", "9999", "x", "%F0%9F%92%A9"])
def test_a_page_of_the_theme_s_search_that_is_not_there_is_not_found(
    client: Client, page: str
) -> None:
    for term in ("pay", page):
        found = client.get(f"/admin/search/?s={term}&extended=1&page={page}")
        assert found.status_code in (200, 404)


@pytest.mark.django_db
def test_a_refusal_is_one_line_with_the_person_and_the_address_and_no_mail(
    settings: Settings, caplog: Any, viewer_user: User
) -> None:
    settings.ADMINS = [("", "ops@example.com")]
    settings.ALLOWED_HOSTS = ["ops.example.com"]
    at = {"headers": {"host": "ops.example.com"}, "REMOTE_ADDR": "10.0.0.9"}
    viewer = Client(enforce_csrf_checks=True)
    viewer.force_login(viewer_user)

    for number in range(50):
        assert (
            Client().get("/admin/", headers={"host": f"evil-{number}.example"}).status_code == 400
        )
    assert viewer.get("/admin/auth/user/", **at).status_code == 403
    assert viewer.post("/admin/logout/", {}, **at).status_code == 403
    assert viewer.get("/admin/a%20b?%00", **at).status_code == 400
    assert viewer.get("/admin/workflows_app/event/1/change/?_to_field=x", **at).status_code == 400

    form = {"login": "vik tor", "password": "guess"}
    Client().post("/account/login/", form, **at)

    told = lines(caplog)
    foreign = "web.refused status=400 user=- address=127.0.0.1 method=GET path=/admin/"
    assert told[:50] == [foreign] * 50
    viktor = "user=viktor address=10.0.0.9"
    assert told[50:] == [
        f"web.refused status=403 {viktor} method=GET path=/admin/auth/user/",
        f"web.refused status=403 {viktor} method=POST path=/admin/logout/",
        "web.refused status=400 user=- address=10.0.0.9 method=GET path=/admin/a?b",
        f"web.refused status=400 {viktor} method=GET path=/admin/workflows_app/event/1/change/",
        "web.login_failed name=vik?tor user=- address=10.0.0.9 method=POST path=/account/login/",
    ]
    assert mail.outbox == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("proxies", "passed_on", "address"),
    [(0, "6.6.6.6", "10.0.0.9"), (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"), (2, "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"), (2, "1.2.3.4", "10.0.0.9")],
)  # fmt: skip
def test_the_address_is_the_one_that_our_own_proxies_saw(
    settings: Settings, caplog: Any, viewer: Client, proxies: int, passed_on: str, address: str
) -> None:
    settings.WORKFLOWS = {"proxies_in_front": proxies}
    viewer.get("/admin/auth/user/", REMOTE_ADDR="10.0.0.9", headers={"x-forwarded-for": passed_on})
    assert f"address={address} " in lines(caplog)[0]


@pytest.mark.django_db
def test_every_answer_forbids_the_browser_s_devices(client: Client) -> None:
    for page in (HOME, "/admin/login/", "/nothing"):
        policy = client.get(page).headers["Permissions-Policy"]
        assert "camera=()" in policy
        assert "geolocation=()" in policy
