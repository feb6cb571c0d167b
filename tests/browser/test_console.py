"""What pages do by themselves: home stays fresh, decisions stay at hand on a phone, times are the reader's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.admin.addresses import HOME, list_of, page_of
from tests.browser.tab import Tab
from tests.operations.readiness import mute
from workflows_app.models import Alert
from workflows_app.operations import it_happened, skip_run

#: The decisions take two fifths of a small screen at most.
LOOK_IS_ABOVE_DECISIONS = (
    "document.querySelector('.ops-look').getBoundingClientRect().bottom < innerHeight * 0.6"
)


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
    # The charts below it, which the theme draws once, have what is new.
    tab.sees("2 unknown outcomes, 1 decision. By the hour")
    decided = "Chart.getChart(document.querySelector('[data-ops-chart=day] canvas')).data.datasets.at(-1).data"
    assert sum(tab.evaluate(decided)) == 1


def test_the_page_of_a_run_at_work_tells_by_itself_what_became_of_it(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    play = scene("lost")
    run = play.happens("42")
    it_happened(run, actor=olga, reason="It is in the bank's list")
    tab = browse()
    tab.open(page_of(run))
    tab.sees("It waits for its turn", "No other run waits for a decision.")
    play.run_host()
    tab.sees("Done.", "What followed: invoice.paid 42")


def test_what_was_said_of_a_decision_goes_once_the_run_waits_for_a_person_again(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    play = scene(mutator=mute("timeout"))
    run = play.happens("42", days=0)
    tab = browse()
    tab.open(page_of(run))
    tab.click("Try again", "button")
    tab.fill("Why?", "The bank is back")
    tab.submit("Try again")
    tab.sees("Try again: the outside system is asked now.")
    play.run_host()
    tab.sees("Did it happen? Nobody knows")
    assert not tab.evaluate("!!document.getElementById('ops-messages')")


@pytest.mark.parametrize(
    ("outcome", "width", "decisions"),
    [
        ("lost", 390, ("It happened", "It didn't happen", "Skip")),
        ("lost", 1280, ("It happened", "It didn't happen", "Skip")),
        ("rejected", 390, ("Skip event", "Retry now")),
    ],
)
def test_the_decisions_are_seen_without_scrolling_whatever_was_sent(
    olga: User,
    scene: Callable[..., Any],
    browse: Callable[..., Tab],
    outcome: str,
    width: int,
    decisions: tuple[str, ...],
) -> None:
    play = scene(outcome)
    play.mutator.verification_url = lambda self, params: "https://bank.example/"
    run = play.happens("42", {f"value {number}": "x" * 99 for number in range(40)})
    tab = browse(width=width)
    tab.open(page_of(run))
    assert all(tab.is_in_view(text) for text in decisions)
    if outcome == "rejected":
        assert tab.is_in_view("Why it failed", "heading")
    if width == 1280:
        assert tab.is_in_view("Why nobody knows", "heading")
    assert tab.is_in_view("Look there (opens a new tab)", "link")
    assert width == 1280 or tab.evaluate(LOOK_IS_ABOVE_DECISIONS)
    tab.evaluate("scrollTo(0, document.getElementById('ops-run').offsetHeight / 2)")
    assert all(tab.is_in_view(text) for text in decisions)


def test_an_empty_list_says_so_on_a_ground_of_its_own(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    tab = browse()
    tab.open(list_of(Alert))
    tab.sees("There is nothing here yet.")
    ground = (
        "getComputedStyle(document.querySelector('.ops-card:has([role=status])')).backgroundColor"
    )
    assert tab.evaluate(ground) == "rgb(255, 255, 255)"


def test_no_arrow_is_seen_through_a_box_of_the_graph(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    run = scene("lost").happens("42")
    for dark in (False, True):
        tab = browse(dark=dark)
        tab.open(page_of(run))
        ground = str(
            tab.evaluate("getComputedStyle(document.querySelector('.ops-node rect')).fill")
        )
        assert not re.search("/|rgba", ground), ground


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
