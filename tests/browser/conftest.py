"""A real browser, real commits, and people who are logged in. Every test fails on a complaint of
the browser: an error in the console, a refusal of the content security policy, a missing file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.browser.tab import CHROMIUM, Tab, chromium, tab
from tests.jobs import empty_queue
from tests.scenes import Scene
from workflows_app.models import Run

PASSWORD = "correct horse battery"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="There is no Chromium on this machine."))


@pytest.fixture(scope="session")
def browser_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="browser") as thread:
        yield thread


@pytest.fixture(scope="session")
def browser(browser_thread: ThreadPoolExecutor) -> Iterator[Any]:
    with chromium(browser_thread) as started:
        yield started


@pytest.fixture
def olga(transactional_db: None) -> Iterator[User]:
    """An operator with a password."""
    person = User.objects.create_user("olga", password=PASSWORD, is_staff=True)
    person.groups.add(Group.objects.get(name="Workflow operators"))
    yield person
    empty_queue()


@pytest.fixture
def play(olga: User, scene: Callable[..., Any]) -> Scene:
    made: Scene = scene("lost", "applied")
    return made


@pytest.fixture
def blocked(play: Scene) -> Run:
    return play.happens(payload={"amount": "12.50", "to": "ACME"})


@pytest.fixture
def browse(
    browser_thread: ThreadPoolExecutor, browser: Any, live_server: Any, olga: User
) -> Iterator[Callable[..., Tab]]:
    """`browse(is_logged_in=True, width=1280, dark=False)`: a tab of the operator's."""
    with ExitStack() as stack:
        tabs: list[Tab] = []

        def make(
            *,
            is_logged_in: bool = True,
            width: int = 1280,
            dark: bool = False,
            time_zone: str = "UTC",
            language: str = "en-GB",
        ) -> Tab:
            cookies = [session_of(olga, live_server.url)] if is_logged_in else []
            made = stack.enter_context(
                tab(
                    browser_thread,
                    browser,
                    live_server.url,
                    cookies,
                    viewport={"width": width, "height": 900},
                    color_scheme="dark" if dark else "light",
                    timezone_id=time_zone,
                    locale=language,
                )
            )
            tabs.append(made)
            return made

        yield make
    assert [made.complaints for made in tabs] == [[] for _ in tabs]


def session_of(person: User, base: str) -> dict[str, Any]:
    """Return the cookie of a new session of `person`."""
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": base}
