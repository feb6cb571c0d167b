"""What keeps people from using a page, as axe-core finds it: nothing serious, light or dark, wide or narrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.contrib.auth.models import User

from tests.admin.addresses import HOME, history_of, list_of, page_of
from tests.browser.tab import Tab
from workflows_app.models import AlertChoice, Event, Input, Mutation, OperatorAction, Run
from workflows_app.operations import add_note, skip_event

RUN_AXE = """axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations
    .filter(({impact}) => ["serious", "critical"].includes(impact))
    .flatMap(({id, nodes}) => nodes.map(({html}) => `${id}: ${html}`)))"""


@pytest.mark.parametrize(
    ("width", "dark"),
    [
        (1280, False),
        (390, True),
        pytest.param(1280, True, marks=pytest.mark.long),
        pytest.param(390, False, marks=pytest.mark.long),
    ],
)
def test_nothing_serious_keeps_anybody_from_using_a_page(
    olga: User,
    scene: Callable[..., Any],
    browse: Callable[..., Tab],
    width: int,
    dark: bool,
) -> None:
    play = scene("lost")
    run = play.happens("42", {"amount": "12.50", "to": ["ACME", {"deep": "iban"}]})
    add_note(run, actor=olga, text="Asked the bank by phone")
    skip_event(play.publish("43"), actor=olga, reason="Cancelled")
    event = Event.objects.get(message_id="42")
    lists = [*map(list_of, (Event, Mutation, OperatorAction, AlertChoice))]
    pages = [
        page_of(row) for row in (event, run, run.mutation, run.workflow, Input.objects.first())
    ]
    others = [f"{list_of(Run)}?polls=all", f"{list_of(Run)}search/?q=42", history_of(run)]
    found: dict[str, list[str]] = {}

    def look(where: str) -> None:
        tab.evaluate(AXE_SCRIPT)
        if serious := tab.evaluate(RUN_AXE):
            found[where] = serious

    tab = browse(is_logged_in=False, width=width, dark=dark)
    tab.open("/admin/login/")
    look("login")
    tab = browse(width=width, dark=dark)
    for address in (HOME, *lists, *others, *pages):
        tab.open(address)
        look(address)
    tab.open(page_of(run))
    tab.click("It didn't happen", role="button")
    tab.sees_dialog("If it did happen, doing it again makes a duplicate: scripted → the script.")
    look("dialog")

    assert found == {}
