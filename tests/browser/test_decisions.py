"""A person settles in a real browser what only a person can, with a mouse or without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User

from tests.admin.addresses import list_of, page_of
from tests.browser.conftest import PASSWORD
from tests.browser.deciding import LOOKED, REASON, WARNING, decisions
from tests.browser.tab import Tab
from tests.operations.readiness import mute
from tests.scenes import Scene
from tests.translations.catalogue import left_in_english
from workflows_app.models import Event, Run, Workflow
from workflows_app.sdk import Reconciliation
from workflows_app.testing import scripted


def test_from_the_login_to_the_decision(
    play: Scene, blocked: Run, browse: Callable[..., Tab]
) -> None:
    tab = browse(is_logged_in=False)
    tab.open("/")
    tab.fill("Username", "olga")
    tab.fill("Password", PASSWORD)
    tab.keys("Enter")
    tab.sees("Needs a person: 1")

    # It stands there twice: among what needs a person, and in the table of workflows.
    tab.click_first("Pay invoice 42")
    tab.sees("Did it happen? Nobody knows", "this outside system can't be asked")
    tab.click("It didn't happen", role="button")
    tab.sees_dialog(WARNING, "the script", "12.50", "ACME")

    tab.submit("It didn't happen")
    assert tab.sent[1:] == [], (
        "after the login nothing is sent before the person says that they looked"
    )
    tab.tick(LOOKED)
    tab.submit("It didn't happen")
    assert tab.sent[1:] == [], "nor before they say why"
    assert decisions() == []

    tab.fill(REASON, "Not in the bank's list")
    tab.submit("It didn't happen")
    tab.sees("It didn't happen: a new run sends it again.", "You said that it did not happen.")
    assert tab.address() == page_of(blocked)
    assert decisions() == [("it_didnt_happen", "olga", "Not in the bank's list")]

    play.run_host()
    tab.reload()
    tab.sees("invoice.received, Consumed", "does it again.")
    tab.sees_no_button("It didn't happen")
    tab.open("/admin/")
    tab.sees("Nothing waits for a decision.")


def test_case_after_case_is_settled_with_three_clicks_at_most(
    olga: User, scene: Callable[..., Any], browse: Callable[..., Tab]
) -> None:
    """A payment that happened and has a number, one that the bank knows again, a webhook, and a rejected one."""
    paid, known = scripted("lost"), mute()
    paid.result_fields = {"number": "The number of the payment"}
    known.result_fields = paid.result_fields
    played = [
        scene(mutator=paid, slug="paid").happens("41"),
        scene(mutator=known, slug="known").happens("42", days=0),
        scene("lost", "applied", slug="webhook").happens("43"),
        scene("rejected", slug="rejected").happens("44"),
    ]
    known.reconcile = lambda *_, **__: Reconciliation.applied({"number": "48"})
    tab = browse()
    tab.open("/admin/")
    tab.click_first("Pay invoice 41")
    tab.click("It happened", role="button")
    tab.sees_dialog("The number of the payment")
    tab.submit("It happened")
    assert tab.sent == [], "the browser says what is left out"
    tab.fill("The number of the payment", "47")
    tab.click("I looked in the outside system, and it is there.", role="button")
    assert tab.value(REASON) == "I looked in the outside system, and it is there."
    tab.submit("It happened")

    tab.sees("Pay invoice 41: It happened", "Kept as the result: The number of the payment: 47.")
    tab.sees(
        "This is the next of 3 that wait.", "and says that it happened.", "If you have no doubt"
    )
    tab.click("It happened", role="button")
    assert tab.in_dialog("textbox", "The number of the payment") == 0
    tab.click("The outside system was asked, and says that it happened.", role="button")
    tab.submit("It happened")

    tab.sees("Pay invoice 42: It happened", "this outside system can't be asked")
    tab.click("It didn't happen", role="button")
    tab.click("I looked in the outside system, and it is not there.", role="button")
    tab.tick(LOOKED)
    tab.submit("It didn't happen")

    tab.sees("Pay invoice 43: It didn't happen", "This is the next, and the last that waits.")
    tab.click("Skip event", role="button")
    tab.click("It is settled in another way.", role="button")
    tab.tick("is no longer wanted, or somebody sees to it outside")
    tab.submit("Skip event")
    tab.sees("No other run waits for a decision.")
    assert [row[0] for row in decisions()] == [
        *("it_happened", "it_happened", "it_didnt_happen", "skip_event")
    ]
    assert [Run.objects.get(pk=run.pk).mutation.result for run in played[:2]] == [
        {"number": "47"},
        {"number": "48"},
    ]


def test_what_was_found_by_searching_is_decided_once_by_a_double_click(
    blocked: Run, browse: Callable[..., Tab]
) -> None:
    tab = browse()
    tab.open("/admin/")
    tab.fill("Message id, number, supplier", "ACME")
    tab.keys("Enter")
    tab.click(f"Run {blocked.pk}: Pay invoice 42")
    tab.sees("Did it happen? Nobody knows")
    tab.click("It didn't happen", role="button")
    tab.sees_dialog(WARNING)
    tab.fill(REASON, "Not in the bank's list")
    tab.tick(LOOKED)

    tab.submit("It didn't happen", times=2)

    tab.sees("You said that it did not happen.", "does it again.")
    assert "is not blocked" not in tab.text()
    assert tab.sent == [page_of(blocked, "it_didnt_happen")]
    assert decisions() == [("it_didnt_happen", "olga", "Not in the bank's list")]
    assert Run.objects.filter(retry_of=blocked).count() == 1


def test_just_now_is_over_after_a_minute(blocked: Run, browse: Callable[..., Tab]) -> None:
    tab = browse()
    tab.open_with_clock(page_of(blocked))
    tab.sees("just now")
    tab.later(130)
    tab.sees("2 minutes ago")
    assert "just now" not in tab.text()


def test_with_the_keyboard_alone(blocked: Run, browse: Callable[..., Tab]) -> None:
    tab = browse()
    tab.open(page_of(blocked))
    tab.tab_to("Skip")
    tab.keys("Space")
    tab.sees_dialog("Whether it happened stays unknown here.")
    tab.has_focus("reason")
    # From one end of the dialog to the other, and never to the page behind it.
    tab.keys("Shift+Tab", "Shift+Tab")
    tab.has_focus("Skip")
    tab.keys("Tab", "Tab")
    tab.has_focus("reason")
    tab.keys("Escape")
    tab.sees_no_dialog()
    tab.has_focus("Skip")

    tab.keys("Enter")
    tab.sees_dialog("Whether it happened stays unknown here.")
    tab.has_focus("reason")
    tab.type("Paid by card.")
    tab.keys("Tab")
    tab.has_focus("It is no longer wanted.")
    tab.keys("Enter")
    tab.has_focus("reason")
    tab.keys(*["Tab"] * 4)
    tab.has_focus("looked")
    tab.keys("Space", "Tab")
    tab.has_focus("Cancel")
    tab.keys("Tab")
    tab.has_focus("Skip")
    tab.keys("Enter")

    tab.sees("Skip: the run goes on without it.", "It waits for its turn.")
    assert decisions() == [("skip_run", "olga", "Paid by card. It is no longer wanted.")]
    assert Event.objects.get().status == "skipped"


def test_an_event_is_skipped_and_a_workflow_paused_and_resumed(
    play: Scene, browse: Callable[..., Tab]
) -> None:
    play.run_host()
    event = play.publish("43", {"to": "ACME"})
    tab = browse()
    tab.open(page_of(event))
    tab.click("Skip event", role="button")
    tab.sees_dialog("No run will ever take this event", "ACME")
    tab.fill(REASON, "Cancelled")
    tab.tick("“43” is no longer wanted, or")
    tab.submit("Skip event")
    tab.sees("Skip event: the event is skipped.", "Skip event by olga")

    workflow = Workflow.objects.get()
    tab.open(page_of(workflow))
    for name, told in (
        ("Pause", "Pause: no new run will start."),
        ("Resume", "Resume: runs start again."),
        ("Run now", "Run now: all producers are due."),
    ):
        tab.click(name, role="button")
        tab.sees_dialog(REASON)
        tab.fill(REASON, f"{name}, for a test")
        tab.submit(name)
        tab.sees(told)
    assert decisions() == [
        ("skip_event", "olga", "Cancelled"),
        ("pause_workflow", "olga", "Pause, for a test"),
        ("resume_workflow", "olga", "Resume, for a test"),
        ("run_producers_now", "olga", "Run now, for a test"),
    ]


def test_many_events_are_skipped_at_once(play: Scene, browse: Callable[..., Tab]) -> None:
    for message_id in ("1", "2", "3"):
        play.publish(message_id)
    tab = browse()
    tab.open(list_of(Event))
    tab.check("#action-toggle")
    tab.choose("Select action to run", "Skip event")
    tab.click("Run", role="button")
    tab.sees("It is done for each of these 3", "This can't be undone.")
    tab.fill(REASON, "The supplier is gone")
    tab.tick("Each of these is no longer wanted")
    tab.click("Skip event", role="button")
    tab.sees("Skip event: done for 3.")
    assert decisions() == [("skip_event", "olga", "The supplier is gone")] * 3
    tab.go_back()
    tab.sees("It does not apply to these 3, which stay as they are")
    assert len(decisions()) == 3


def test_whoever_reads_german_decides_in_german(
    play: Scene, blocked: Run, browse: Callable[..., Tab]
) -> None:
    tab = browse(language="de-DE")
    tab.open("/admin/")
    tab.sees("Braucht eine Person: 1", "Ist es geschehen? 1")
    told = [tab.text()]
    tab.click_first("Pay invoice 42")
    tab.sees("Ist es geschehen? Niemand weiß es", "Was das System versucht hat")
    told.append(tab.text())
    tab.click("Es ist nicht geschehen", role="button")
    tab.sees_dialog("Ist es doch geschehen, so geschieht es dann doppelt: scripted", "ACME")
    told.append(tab.text())
    tab.fill("Warum?", "Nicht in der Liste der Bank")
    tab.tick("(the script) gesucht, und es ist nicht da")
    tab.submit("Es ist nicht geschehen")
    tab.sees("Es ist nicht geschehen: ein neuer Lauf sendet es noch einmal.")
    assert decisions() == [("it_didnt_happen", "olga", "Nicht in der Liste der Bank")]
    play.run_host()
    for page in (page_of(blocked), list_of(Run), page_of(blocked).replace("change", "history")):
        tab.open(page)
        told.append(tab.text())
    assert left_in_english("\n".join(told)) == set()
    blocked.refresh_from_db()
    assert blocked.failure_message == (
        "olga asserted that it did not happen: Nicht in der Liste der Bank"
    )
