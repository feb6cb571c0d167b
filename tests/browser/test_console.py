"""What pages do by themselves: home stays fresh, decisions stay at hand on a phone, times are the reader's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User

from tests.admin.addresses import HOME, page_of
from tests.browser.tab import Tab
from workflows_app.operations import skip_run


def test_home_asks_for_itself_and_keeps_the_focus(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    first = scene("lost", slug="one").happens("41")
    scene("lost", slug="two").happens("42")
    tab = browse()
    tab.open(HOME)
    assert tab.title().strip() == "(2) Workflow operations"
    tab.tab_to("Pay invoice 42")

    skip_run(first, actor=olga, reason="It is in the bank's list")
    tab.ask_again("#ops-home")

    tab.sees("Needs a person: 1", "It is in the bank's list")
    tab.has_focus("Pay invoice 42")
    assert tab.title().strip() == "(1) Workflow operations"


def test_on_a_phone_the_decisions_stay_at_hand(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    run = scene("lost").happens("42")
    tab = browse(width=390)
    tab.open(page_of(run))
    assert all(tab.is_in_view(text) for text in ("It happened", "It didn't happen", "Skip"))


def test_by_keyboard_the_page_begins_with_a_way_past_the_menu_and_copying_says_that_it_worked(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    run = scene("lost").happens("42")
    tab = browse()
    tab.open(page_of(run))
    tab.keys("Tab")
    assert tab.focused() == "Skip to the page"
    tab.click("Copy the key", "button")
    tab.sees("Copied")


def test_times_are_in_the_zone_of_whoever_reads_them(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    run = scene("lost").happens("42")
    tab = browse(time_zone="Asia/Kathmandu")
    tab.open(page_of(run))
    # The first page is made before the browser has told its zone.
    tab.sees("GMT+5:45")
    tab.reload()
    tab.sees("+0545")
    assert " UTC" not in tab.text()
