"""A page or a dialog is open in a real browser, and meanwhile something happens that a decision must not overlook (P7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from pytest_django import Settings

from tests.admin.addresses import page_of
from tests.browser.conftest import session_of
from tests.browser.deciding import LOOKED, NO_LONGER_WANTED, REASON, WARNING, decisions
from tests.browser.tab import Tab
from tests.operations.readiness import mute
from workflows_app.models import Evidence, Run
from workflows_app.operations import skip_run
from workflows_app.sdk import Reconciliation


def test_a_dialog_that_is_shown_later_than_its_content_comes_has_the_focus(
    blocked: Run, browse: Callable[..., Tab]
) -> None:
    tab = browse()
    tab.open(page_of(blocked))
    with tab.dialog_hidden("Whether it happened stays unknown here."):
        tab.click("Skip", role="button")

    tab.has_focus("reason")


def test_a_page_that_was_left_open_is_told_what_happened_meanwhile(
    blocked: Run, browse: Callable[..., Tab]
) -> None:
    otto = User.objects.create_superuser("otto")
    tab = browse()
    tab.open(page_of(blocked))
    tab.click("It didn't happen", role="button")
    tab.sees_dialog(WARNING)
    skip_run(blocked, actor=otto, reason="I was quicker")

    tab.fill(REASON, "Not in the bank's list")
    tab.tick(LOOKED)
    tab.submit("It didn't happen")

    tab.sees(f"Run {blocked.pk} is not blocked", "otto decided “Skip”", "I was quicker")
    assert decisions() == [("skip_run", "otto", "I was quicker")]


def test_who_may_no_longer_decide_is_told_so_and_loses_no_word(
    blocked: Run, browse: Callable[..., Tab], settings: Settings
) -> None:
    tab = browse()
    tab.open(page_of(blocked))
    tab.click("Skip", role="button")
    tab.fill(REASON, "A long story about the bank")
    tab.tick(NO_LONGER_WANTED)
    settings.WORKFLOWS_DECIDERS = {"pay": ["Clerks"]}
    tab.submit("Skip")

    tab.sees("olga may not use “Skip” on workflow 'pay': members of “Clerks” decide about it.")
    tab.sees("You wrote: “A long story about the bank”", "You may look, but not decide.")
    assert decisions() == []


def put_among_viewers(user: User) -> None:
    user.groups.set(Group.objects.filter(name="Workflow viewers"))


def shut_out(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=False)


@pytest.mark.parametrize("lose", [put_among_viewers, shut_out])
def test_who_lost_a_permission_is_told_which_and_loses_no_word(
    blocked: Run, olga: User, browse: Callable[..., Tab], lose: Callable[[User], None]
) -> None:
    tab = browse()
    tab.open(page_of(blocked))
    tab.click("Skip", role="button")
    tab.fill(REASON, "A long story about the bank")
    tab.tick(NO_LONGER_WANTED)
    lose(olga)
    tab.submit("Skip")

    tab.sees_dialog("You may not use “Skip” any more, and nothing was decided.")
    assert tab.in_dialog("link", "Log in in another tab") == 0
    assert tab.value(REASON) == "A long story about the bank"
    assert decisions() == []
    assert all("403" in complaint for complaint in tab.complaints)
    tab.complaints.clear()


def test_what_was_typed_is_not_lost_by_a_click_beside_the_dialog_nor_by_closing_it(
    blocked: Run, browse: Callable[..., Tab]
) -> None:
    tab = browse()
    tab.open(page_of(blocked))
    tab.click("Skip", role="button")
    tab.sees_dialog("stays unknown here")
    tab.click_at(5, 5)
    tab.sees_no_dialog()

    tab.click("Skip", role="button")
    for _ in range(2):
        tab.click("It was withdrawn.", role="button")
    tab.tick(NO_LONGER_WANTED)
    tab.click_at(5, 5)
    tab.sees_dialog("stays unknown here")
    tab.has_focus("reason")
    tab.keys("Escape")
    tab.sees_no_dialog()

    tab.click("It didn't happen", role="button")
    tab.sees_dialog(WARNING)
    assert tab.value(REASON) == "", "it was said about another decision"
    tab.keys("Escape")
    tab.click("Skip", role="button")
    tab.sees_dialog("stays unknown here")
    assert tab.value(REASON) == "It was withdrawn."
    tab.submit("Skip")
    assert tab.sent == [], "it takes another tick"
    tab.tick(NO_LONGER_WANTED)
    tab.submit("Skip")
    tab.sees("Skip: the run goes on without it.")
    assert decisions() == [("skip_run", "olga", "It was withdrawn.")]


def test_an_answer_that_comes_while_the_dialog_is_open_is_shown_in_it_before_anything_is_sent(
    blocked: Run, browse: Callable[..., Tab]
) -> None:
    tab = browse(width=390, dark=True)
    tab.open(page_of(blocked))
    tab.click("It didn't happen", role="button")
    tab.sees_dialog(WARNING)
    Evidence.objects.create(mutation=blocked.mutation, kind="late", verdict="applied")
    tab.fill(REASON, "Not in the bank's list")
    tab.tick(LOOKED)
    tab.submit("It didn't happen")

    tab.sees_dialog(
        "is not as you saw it", "The outside system has answered after all: it happened."
    )
    assert tab.value(REASON) == "Not in the bank's list"
    tab.submit("It didn't happen")
    assert len(tab.sent) == 1, "it takes another tick"
    tab.tick("An answer says that it happened. I know that it is wrong")
    tab.submit("It didn't happen")
    tab.sees("It didn't happen: a new run sends it again.")
    assert decisions() == [("it_didnt_happen", "olga", "Not in the bank's list")]


def test_what_the_outside_says_is_shown_in_the_dialog(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    mutator = mute()
    run = scene(mutator=mutator).happens(days=0)
    tab = browse()
    tab.open(page_of(run))
    tab.sees("The outside system was asked 2 times.")
    # What the page could not be told when it was opened, the bank knows a moment later.
    mutator.reconcile = lambda *_, **__: Reconciliation.applied({"number": 1})
    tab.click("It didn't happen", role="button")
    tab.sees_dialog("the outside system is asked first, for 10 seconds at most")
    tab.fill(REASON, "Not in the bank's list")
    tab.tick(LOOKED)
    tab.submit("It didn't happen")

    tab.sees_dialog("The outside system has answered", "says that it happened")
    tab.sees_dialog("What you wrote is kept with that answer: “Not in the bank's list”")
    tab.has_focus("Look at the run")
    tab.click("Close", role="button")
    tab.sees_no_dialog()
    tab.has_focus("It didn't happen")
    tab.reload()
    tab.sees("It waits for its turn.")
    assert decisions() == []


def test_who_was_logged_out_logs_in_elsewhere_and_loses_no_word(
    blocked: Run, olga: User, live_server: Any, browse: Callable[..., Tab]
) -> None:
    tab = browse()
    tab.open(page_of(blocked))
    tab.click("Skip", role="button")
    tab.fill(REASON, "A long story about the bank")
    tab.tick(NO_LONGER_WANTED)
    tab.log_out()

    tab.submit("Skip")
    tab.sees_dialog("You were logged out, and nothing was decided.", "Log in in another tab")
    tab.log_in(session_of(olga, live_server.url))
    tab.submit("Skip")

    tab.sees("Skip: the run goes on without it.")
    assert decisions() == [("skip_run", "olga", "A long story about the bank")]
    assert all("403" in complaint for complaint in tab.complaints)
    tab.complaints.clear()


def test_a_dialog_that_is_opened_too_late_says_so(blocked: Run, browse: Callable[..., Tab]) -> None:
    tab = browse()
    tab.open(page_of(blocked))
    skip_run(blocked, actor=User.objects.create_superuser("otto"), reason="I was quicker")
    tab.click("It didn't happen", role="button")
    tab.sees_dialog(
        "This does not apply any more: the state has changed since the page was opened."
    )
    tab.click("Cancel", role="button")
    tab.sees_no_dialog()
    tab.has_focus("It didn't happen")


def test_a_dialog_of_a_run_that_is_being_asked_about_is_in_its_frame_each_time(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    run = scene(mutator=mute(asked=2)).happens("42", days=0)
    tab = browse()
    tab.open(page_of(run))
    for _ in range(2):
        tab.click("Decide now", role="button")
        tab.sees_dialog("The outside system is asked no more")
        assert tab.evaluate("!!document.querySelector('#modal-content #dialog')")
        tab.click("Cancel", role="button")
        tab.sees_no_dialog()
