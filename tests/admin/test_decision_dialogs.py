"""Dialogs carry what they showed, ask the outside first, and say what is lost if the person is wrong (P7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from tests.admin.addresses import list_of, opened, page_of, text_of_answer, told
from tests.operations.readiness import mute
from tests.scenes import Scene
from workflows_app.models import Event, Evidence, OperatorAction, Run
from workflows_app.operations import add_note, take
from workflows_app.sdk import Reconciliation

pytestmark = pytest.mark.django_db


BOTH = ("it_happened", "skip_run")
IN_A_DIALOG: Any = {"HTTP_HX_REQUEST": "true"}


def hidden(page: str) -> dict[str, str]:
    """Return what the form of a page would send by itself."""
    inputs = re.findall(r'<input type="hidden" name="(seen[_\d]*)" value="([^"]+)"', page)
    return dict(inputs)


def confirm(client: Client, name: str, row: Any, page: str, **more: Any) -> HttpResponse:
    """Press the button of a dialog that was opened earlier."""
    data = {"_form_submitted": "True", "reason": "I looked at the bank", **hidden(page), **more}
    answer: HttpResponse = client.post(page_of(row, name), data, **IN_A_DIALOG)
    return answer


def late(run: Run, verdict: str = "applied") -> Evidence:
    return Evidence.objects.create(mutation=run.mutation, kind="late", verdict=verdict)


def test_a_dialog_that_is_older_than_an_answer_decides_nothing_and_shows_it(
    blocked: Run, operator: Client
) -> None:
    page = opened(operator, "skip_run", blocked)
    answer = late(blocked)

    again = confirm(operator, "skip_run", blocked, page)

    assert not OperatorAction.objects.exists()
    text = text_of_answer(again)
    assert f"Run {blocked.pk} is not as you saw it." in text
    assert "The outside system has answered after all: it happened." in text
    assert "I looked at the bank" in again.content.decode(), "what was typed is still there"
    confirm(operator, "skip_run", blocked, again.content.decode())
    assert OperatorAction.objects.get().evidence_seen == answer


def test_an_event_that_was_published_again_is_shown_anew(
    scene: Callable[..., Scene], operator: Client
) -> None:
    play = scene("applied")
    event = play.publish("42", {"amount": "0.01"})
    page = opened(operator, "skip_event", event)
    play.publish("42", {"amount": "9000.00"})

    again = confirm(operator, "skip_event", event, page)

    assert Event.objects.get().status == "pending"
    assert "its payload is now" in text_of_answer(again)
    assert "9000.00" in text_of_answer(again)
    confirm(operator, "skip_event", event, again.content.decode())
    assert Event.objects.get().status == "skipped"


def test_what_the_outside_says_settles_it_and_is_shown_in_the_dialog(
    scene: Callable[..., Scene], operator: Client, operator_user: User
) -> None:
    mutator = mute()
    run = scene(mutator=mutator).happens(days=0)
    mutator.reconcile = lambda *_, **__: Reconciliation.applied({"number": 1})
    page = opened(operator, "it_didnt_happen", run)
    assert "the outside system is asked first, for 10 seconds at most" in page

    answer = confirm(operator, "it_didnt_happen", run, page)

    assert "says that it happened. So nothing is sent" in text_of_answer(answer)
    assert answer.headers["HX-Retarget"] == "#dialog"
    assert page_of(run) in answer.content.decode()
    assert Run.objects.get(pk=run.pk).mutation.status == "applied"
    assert Evidence.objects.get(kind="probe").actor == operator_user
    assert not OperatorAction.objects.exists()
    after = text_of_answer(operator.get(page_of(run)))
    assert "No other run waits for a decision. Home" in after
    assert (
        "it happened. Asked when olga opened the page of the run, or was about to decide. Details"
        in after
    )


@pytest.mark.parametrize(
    ("answer", "offered", "words"),
    [
        (
            Reconciliation.not_applied(),
            "The outside system was asked, and says that it did not happen.",
            "The outside system was asked, and says the same.",
        ),
        (
            Reconciliation.retry("busy"),
            "I looked in the outside system, and it is not there.",
            "and could not say: it is your word that counts.",
        ),
    ],
)
def test_what_the_decision_stands_on_is_offered_as_its_reason_and_told(
    scene: Callable[..., Scene],
    operator: Client,
    answer: Reconciliation,
    offered: str,
    words: str,
) -> None:
    mutator = mute()
    run = scene(mutator=mutator).happens(days=0)
    mutator.reconcile = lambda *_, **__: answer
    operator.post(page_of(run).replace("change", "look"))

    assert offered in text_of_answer(operator.get(page_of(run, "it_didnt_happen")))

    (message,) = told(confirm(operator, "it_didnt_happen", run, ""))

    assert message.startswith(
        "Pay invoice 42: It didn't happen: a new run sends it again. The outside system was"
    )
    assert message.endswith(words)


def test_against_the_answer_of_the_outside_each_dialog_says_so_and_skip_claims_no_question(
    scene: Callable[..., Scene], operator: Client
) -> None:
    mutator = mute()
    run = scene(mutator=mutator).happens(days=0)
    mutator.reconcile = lambda *_, **__: Reconciliation.not_applied()
    operator.post(page_of(run).replace("change", "look"))

    page = text_of_answer(operator.get(page_of(run)))
    assert "The outside system says that it did not happen. Is it still wanted?" in page
    assert "it is sent again. If it is no longer wanted, press “Skip”." in page
    again = text_of_answer(operator.get(page_of(run, "it_didnt_happen")))
    assert "The outside system says that it did not happen. Nothing keeps it from being" in again
    assert "The outside system says that it did not happen, and it is still wanted" in again
    happened, skip = (text_of_answer(operator.get(page_of(run, name))) for name in BOTH)
    assert "says that it did not happen. If it did not happen, nobody will ever do it." in happened
    assert "The outside system says that it did not happen. The workflow does not learn" in skip
    assert "stays unknown" not in skip
    assert "It was withdrawn." in skip
    assert told(confirm(operator, "skip_run", run, "")) == [
        "Pay invoice 42: Skip: the run goes on without it."
    ]


def test_without_a_dialog_the_answer_is_told_on_the_page(
    scene: Callable[..., Scene], operator: Client
) -> None:
    mutator = mute()
    run = scene(mutator=mutator).happens(days=0)
    mutator.reconcile = lambda *_, **__: Reconciliation.not_applied()

    answer = operator.post(
        page_of(run, "it_happened"), {"_form_submitted": "True", "reason": "I looked"}
    )

    assert answer.status_code == 302
    assert told(answer)[0].startswith(
        "The outside system was asked, and says that it did not happen."
    )


def test_take_and_note_are_pressed_on_the_page_and_seen_by_the_others(
    blocked: Run, operator: Client, superuser: Client
) -> None:
    assert told(confirm(superuser, "take", blocked, "", reason="")) == [
        "Take: the others see that you look into it."
    ]
    for name in ("take", "skip_run"):
        text = text_of_answer(operator.get(page_of(blocked, name)))
        assert "root looks into it since" in text
        assert ("You take it over" in text) == (name == "take")

    confirm(operator, "add_note", blocked, "", reason="The bank is closed until nine")

    assert list(OperatorAction.objects.values_list("operation", "reason")) == [
        ("add_note", "The bank is closed until nine"),
        ("take_run", ""),
    ]


@pytest.mark.parametrize(
    ("reason", "problem"),
    [("\u200b\u202e", "Say why"), ("x" * 2001, "at most 2,000 are kept")],
)
def test_a_reason_that_can_not_be_kept_is_said_where_it_can_be_changed(
    blocked: Run, operator: Client, reason: str, problem: str
) -> None:
    answer = confirm(operator, "skip_run", blocked, "", reason=reason)

    assert problem in text_of_answer(answer)
    assert reason in answer.content.decode()
    assert not OperatorAction.objects.exists()


def test_a_preview_carries_what_it_showed_of_each_and_each_is_refused_by_itself(
    scene: Callable[..., Scene], operator: Client, superuser_user: User
) -> None:
    first, second = (scene("lost", slug=slug).happens(days=0) for slug in ("pay", "refund"))
    chosen = {"action": "bulk_skip_run", "_selected_action": [first.pk, second.pk]}
    page = operator.post(list_of(Run), chosen).content.decode()
    add_note(second, actor=superuser_user, text="I have it on the phone")

    done = operator.post(
        list_of(Run), {**chosen, **hidden(page), "confirmed": "yes", "reason": "Looked at both"}
    )

    ok, refused = told(done)
    assert ok == "Skip: done for 1."
    assert "I have it on the phone" in refused
    assert OperatorAction.objects.get(operation="skip_run").run == first


def test_a_preview_of_large_payloads_is_a_small_page(
    scene: Callable[..., Scene], operator: Client
) -> None:
    play = scene("applied")
    for number in range(20):
        play.publish(str(number), {"text": "ä" * 50_000})
    chosen = {
        "action": "bulk_skip_event",
        "_selected_action": list(Event.objects.values_list("pk", flat=True)),
    }

    page = operator.post(list_of(Event), chosen).content

    assert len(page) < 300_000
    assert "cut; 50,0" in page.decode()


def test_a_session_that_is_over_keeps_the_dialog_open(blocked: Run, operator: Client) -> None:
    page = opened(operator, "skip_run", blocked)
    operator.logout()

    answer = confirm(operator, "skip_run", blocked, page)

    assert answer.status_code == 401
    assert not OperatorAction.objects.exists()


def test_taking_does_not_keep_others_from_deciding(
    blocked: Run, operator: Client, superuser_user: User
) -> None:
    take(blocked, actor=superuser_user, reason="on the phone")
    page = opened(operator, "skip_run", blocked)
    confirm(operator, "skip_run", blocked, page)
    assert OperatorAction.objects.filter(operation="skip_run").exists()
