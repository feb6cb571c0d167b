"""The console while the database is away: one calm page, that says what is known and what is not.

Nobody is told that a decision was saved, or that it was not, unless that is known.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings

from config.urls import urlpatterns as of_the_project
from tests.admin.addresses import HOME, SHOWN, list_of, page_of, text_of_html
from tests.away.brakes import SWALLOW
from tests.away.databases import Database, serving
from tests.away.relay import Relay
from tests.conftest import logged_in
from workflows_app.models import OperatorAction, Run

UNREACHABLE = "The database can't be reached."
KEPT = (
    "Nothing that was decided or recorded before is lost."
    " The workers wait, and go on by themselves when it is back."
)
READING = f"{KEPT} This page looks again every 10 seconds. Look again"
SENDING = (
    f"{KEPT} Nobody knows yet whether what you just sent was saved. Look before you send it again:"
    " what was saved shows on the page, and in its history, as soon as the database is back."
    " Look at the page"
)
DECISION = {"_form_submitted": "True", "reason": "Not in the bank's list"}
#: What no page may show.
INSIDES = re.compile(r"psycopg|OperationalError|Traceback|127\.0\.0\.1|SQL", re.IGNORECASE)


@pytest.fixture
def console(olga: User) -> Client:
    client = logged_in(olga)
    client.raise_request_exception = False
    return client


def told(response: Any) -> tuple[int, str, str]:
    """Return the status, when to come back, and what a person reads."""
    page = text(response)
    assert not INSIDES.search(page)
    (part,) = re.findall(r'<main id="main".*?</main>|^\s*<div id="dialog">.*', page, re.DOTALL)
    return response.status_code, response.headers["Retry-After"], text_of_html(part)


def test_every_page_says_that_it_can_t_be_reached(
    database: Database, console: Client, blocked: Run, caplog: pytest.LogCaptureFixture
) -> None:
    dialog = page_of(blocked, "it_didnt_happen")
    pages = [
        HOME,
        "/admin/login/",
        "/account/login/",
        *map(list_of, SHOWN),
        page_of(blocked),
        dialog,
    ]
    database.stop()

    for page in pages:
        answer = console.get(page + "?p=1")
        assert told(answer) == (503, "10", f"{UNREACHABLE} {READING}")
        assert f'<a class="ops-button ops-button-primary" href="{page}?p=1">' in text(answer)
        assert '<meta http-equiv="refresh" content="10">' in text(answer)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Content-Security-Policy" in answer.headers
    assert console.get("/healthz").status_code == 503
    assert [record.getMessage().split(" error=")[0] for record in caplog.records] == [
        "database.away kind=unreachable"
    ]

    database.start()
    for page in pages:
        assert console.get(page).status_code in (200, 302)


def test_what_was_sent_is_to_be_looked_up_and_is_never_sent_again_by_itself(
    database: Database, console: Client, blocked: Run
) -> None:
    dialog = page_of(blocked, "it_didnt_happen")
    sent = {
        dialog: DECISION,
        list_of(Run): {"action": "it_didnt_happen", "_selected_action": blocked.pk},
        "/account/login/": {"login": "olga", "password": "correct horse"},
    }
    database.stop()

    for page, data in sent.items():
        came_from = f"http://testserver{page_of(blocked)}?a=1"
        answer = console.post(page, data, headers={"referer": came_from})
        assert told(answer) == (503, "10", f"{UNREACHABLE} {SENDING}")
        assert f'href="{page_of(blocked)}?a=1"' in text(answer)
        assert "http-equiv" not in text(answer)
    elsewhere = console.post(dialog, sent[dialog], headers={"referer": "https://evil.example/x"})
    assert f'href="{dialog}"' in text(elsewhere)
    assert "evil" not in text(elsewhere)

    database.start()
    assert OperatorAction.objects.count() == 0


def test_in_a_dialog_it_is_told_in_the_place_of_all_of_it(
    database: Database, console: Client, blocked: Run
) -> None:
    here = page_of(blocked)
    database.stop()
    for method, target, says in (
        (console.get, "modal-content", f"{UNREACHABLE} {KEPT} Try again in a moment. Look again"),
        (console.post, "dialog-form", f"{UNREACHABLE} {SENDING}"),
    ):
        answer = method(
            page_of(blocked, "it_didnt_happen"),
            headers={
                "hx-request": "true",
                "hx-target": target,
                "hx-current-url": f"http://testserver{here}",
            },
        )
        assert told(answer) == (503, "10", says)
        assert f'href="{here}"' in text(answer)
        assert [answer.headers[f"HX-{name}"] for name in ("Retarget", "Reselect", "Reswap")] == [
            "#modal-content",
            "#dialog",
            "innerHTML",
        ]


def test_a_decision_of_which_only_the_answer_was_lost_stands_and_is_not_taken_twice(
    database: Database, console: Client, blocked: Run
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$BEGIN RAISE NOTICE '{SWALLOW}'; RETURN NEW; END $$;"
            "CREATE TRIGGER swallow BEFORE INSERT ON workflows_app_operatoraction"
            " FOR EACH ROW EXECUTE FUNCTION swallow()"
        )
    dialog = page_of(blocked, "it_didnt_happen")
    with Relay(database.server.port) as relay, serving(relay.url(database.name)):
        answer = console.post(dialog, DECISION)
        assert told(answer) == (503, "10", f"{UNREACHABLE} {SENDING}")
        assert relay.lost == 1

    assert list(OperatorAction.objects.values_list("run_id", "reason")) == [
        (blocked.pk, "Not in the bank's list")
    ]
    again = console.post(dialog, DECISION, follow=True)
    assert f"Run {blocked.pk} is not blocked" in text(again)
    assert OperatorAction.objects.count() == 1


def test_a_database_that_is_read_only_shows_everything_and_takes_no_decision(
    database: Database, console: Client, blocked: Run
) -> None:
    database.server.configure("default_transaction_read_only", "on")

    assert console.get(page_of(blocked)).status_code == 200
    answer = console.post(page_of(blocked, "it_didnt_happen"), DECISION)
    assert told(answer) == (503, "10", f"The database takes no changes at the moment. {SENDING}")
    assert OperatorAction.objects.count() == 0


def test_what_fails_after_the_page_was_made_is_told_the_same_way(
    database: Database, console: Client, settings: Settings
) -> None:
    settings.ROOT_URLCONF = __name__
    database.server.configure("default_transaction_read_only", "on")

    answer = console.get("/session")
    assert told(answer) == (503, "10", f"The database takes no changes at the moment. {READING}")


def test_an_error_that_is_none_of_the_database_s_absence_stays_an_error(
    database: Database, console: Client, settings: Settings
) -> None:
    settings.ROOT_URLCONF = __name__

    assert [console.get(page).status_code for page in ("/fault", "/wrong")] == [500, 500]


def text(response: Any) -> str:
    return str(response.content.decode())


def save_session(request: HttpRequest) -> HttpResponse:
    request.session["seen"] = True
    return HttpResponse("made")


def fault(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


def wrong_statement(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nothing_of_this_name")
    return HttpResponse("never")


urlpatterns = [
    *of_the_project,
    path("session", save_session),
    path("fault", fault),
    path("wrong", wrong_statement),
]
