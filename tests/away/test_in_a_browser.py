"""What a person sees in a real browser when the database goes away in the middle of a decision."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from tests.admin.addresses import page_of
from tests.away.databases import Database
from tests.browser.tab import CHROMIUM, Tab, chromium, tab
from tests.conftest import logged_in
from workflows_app.models import OperatorAction, Run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium on this machine."),
]
LOOKED = "(the script) in the outside system, and it is not there"
UNREACHABLE = "The database can't be reached."


@pytest.fixture
def opened(olga: User) -> Iterator[Tab]:
    """A tab of the operator's."""
    server = LiveServer("localhost:0")
    session = logged_in(olga).cookies[settings.SESSION_COOKIE_NAME].value
    cookies = [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": server.url}]
    try:
        with (
            ThreadPoolExecutor(max_workers=1) as thread,
            chromium(thread) as browser,
            tab(thread, browser, server.url, cookies) as made,
        ):
            yield made
    finally:
        server.stop()


def test_a_decision_that_could_not_be_saved_is_told_in_its_dialog_and_taken_later(
    database: Database, blocked: Run, opened: Tab
) -> None:
    opened.open(page_of(blocked))
    opened.click("It didn't happen", role="button")
    opened.sees_dialog("If it did happen, doing it again makes a duplicate: scripted → the script.")
    opened.fill("Why?", "Not in the bank's list")
    opened.tick(LOOKED)

    database.stop()
    opened.submit("It didn't happen")
    opened.sees_dialog(UNREACHABLE, "Nobody knows yet whether what you just sent was saved.")
    assert opened.in_dialog("button", "It didn't happen") == 0
    opened.click("Look at the page")
    opened.sees(UNREACHABLE, "This page looks again every 10 seconds.")
    assert opened.address() == page_of(blocked)

    database.start()
    opened.click("Look again")
    opened.sees("Did it happen? Nobody knows")
    assert OperatorAction.objects.count() == 0
    opened.click("It didn't happen", role="button")
    opened.fill("Why?", "Not in the bank's list")
    opened.tick(LOOKED)
    opened.submit("It didn't happen")
    opened.sees("It didn't happen: a new run sends it again.")
    assert OperatorAction.objects.count() == 1
    assert [told for told in opened.complaints if "503" not in told] == []
