"""The dialogs of It happened and Decide now: what is asked, what follows, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from tests.admin.addresses import list_of, page_of, text_of_answer, told
from tests.operations.readiness import mute
from tests.scenes import Scene
from workflows_app.models import Event, Evidence, OperatorAction, Run
from workflows_app.sdk import Reconciliation
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db

FIELDS = {"number": "The payment's number", "reason": "The bank's reference"}
FOUND = {"asked_number": "4711", "asked_reason": "R-9"}


@pytest.fixture
def play(scene: Callable[..., Scene]) -> Scene:
    """A workflow whose mutator wants to know two things if it happened."""
    mutator = scripted("lost")
    mutator.result_fields = FIELDS
    return scene(mutator=mutator)


@pytest.fixture
def numbered(play: Scene) -> Run:
    """A blocked run of it."""
    return play.happens(days=0)


def press(client: Client, name: str, run: Run, **answers: str) -> HttpResponse:
    data = {"_form_submitted": "True", "reason": "I looked at the bank", **answers}
    answer: HttpResponse = client.post(page_of(run, name), data)
    return answer


def test_what_was_found_is_the_result_that_next_gets(
    play: Scene, numbered: Run, operator: Client, operator_user: User
) -> None:
    answer = press(operator, "it_happened", numbered, **FOUND)

    assert (answer.status_code, told(answer)) == (
        302,
        [
            "Pay invoice 42: It happened: the run goes on from there. The outside system was not asked:"
            " it is your word that counts. Kept as the result: The payment's number: 4711, The bank's"
            " reference: R-9."
        ],
    )
    action = OperatorAction.objects.get()
    assert (action.operation, action.actor, action.run, action.reason) == (
        "it_happened",
        operator_user,
        numbered,
        "I looked at the bank",
    )
    play.run_host()
    assert len(play.mutator.calls) == 1
    paid = Event.objects.get(topic__name="invoice.paid")
    assert paid.payload == {"number": "4711", "reason": "R-9"}
    for page in (page_of(numbered), list_of(OperatorAction), page_of(action)):
        text = text_of_answer(operator.get(page))
        assert "The payment's number: 4711, The bank's reference: R-9" in text


def test_another_result_that_the_outside_system_tells_is_kept_and_said(
    play: Scene, numbered: Run, operator: Client
) -> None:
    answer = Reconciliation.applied({"number": "51", "reason": "R-9"})
    play.mutator.reconcile = lambda *_, **__: answer

    (message,) = told(press(operator, "it_happened", numbered, **FOUND))

    assert message.endswith(
        "but with another result. What it says is kept, and not what you gave: The payment's number: 4711,"
        " The bank's reference: R-9. Kept as the result: The payment's number: 51, The bank's reference: R-9."
    )


def test_a_mutator_that_asks_for_nothing_gets_nothing(blocked: Run, operator: Client) -> None:
    press(operator, "it_happened", blocked)

    mutation = Run.objects.get(pk=blocked.pk).mutation
    assert (mutation.status, mutation.result) == ("applied", None)


@pytest.mark.parametrize("missing", ["asked_number", "asked_reason", "reason"])
@pytest.mark.parametrize("empty", ["", " \t"])
def test_what_is_left_empty_is_asked_for_again_and_the_rest_is_kept(
    numbered: Run, operator: Client, missing: str, empty: str
) -> None:
    answer = press(operator, "it_happened", numbered, **{**FOUND, missing: empty})

    assert answer.status_code == 200
    assert ("Say why" if missing == "reason" else "Fill this in: The") in text_of_answer(answer)
    assert ("4711" in answer.content.decode()) == (missing != "asked_number")
    assert not OperatorAction.objects.exists()


def test_what_the_author_s_check_says_is_shown_where_it_can_be_corrected(
    play: Scene, numbered: Run, operator: Client
) -> None:
    def check_result(self: object, params: Any, result: Any) -> None:
        if not result["number"].startswith("47"):
            raise ValueError("The bank's numbers begin with <47>.")

    play.mutator.check_result = check_result

    answer = press(operator, "it_happened", numbered, **{**FOUND, "asked_number": "0815"})

    assert answer.status_code == 200
    page = answer.content.decode()
    assert "The bank&#x27;s numbers begin with &lt;47&gt;." in page
    assert "0815" in page
    assert not OperatorAction.objects.exists()
    press(operator, "it_happened", numbered, **FOUND)
    assert OperatorAction.objects.count() == 1


def test_the_result_of_another_run_is_not_taken_without_a_tick_of_its_own(
    play: Scene, numbered: Run, operator: Client
) -> None:
    press(operator, "it_happened", numbered, **FOUND)
    play.run_host()
    play.mutator.outcomes.append("lost")
    other = play.happens("43", days=0)

    page = press(operator, "it_happened", other, **{**FOUND, "asked_number": " 4711"})

    text = text_of_answer(page)
    assert (
        "The payment's number: 4711, The bank's reference: R-9. This is already the result of run"
        f" {numbered.pk}. Look again whether it is that of this run." in text
    )
    assert f"Run {numbered.pk} has the same result, and I know that it is right for both" in text
    assert "despite" not in text
    assert f'href="{page_of(numbered)}"' in page.content.decode()
    (tick,) = re.findall(r'<input[^>]*name="despite_same_result"[^>]*>', page.content.decode())
    assert "required" not in tick, "the number can be corrected, and then it says nothing"
    assert OperatorAction.objects.count() == 1
    about = {
        "ticked_about": f"Run {numbered.pk} has the same result, and I know that it is right for both"
    }
    ticked = {**FOUND, "despite_same_result": "on"}
    press(operator, "it_happened", other, **ticked, ticked_about="beside another number")
    assert OperatorAction.objects.count() == 1
    press(operator, "it_happened", other, **ticked, **about)
    assert OperatorAction.objects.count() == 2
    # Another value in one place is another result.
    for answers in ({"asked_number": "4712"}, {"asked_reason": "9"}):
        play.run_host()
        play.mutator.outcomes.append("lost")
        another = play.happens(f"{answers}", days=0)
        press(operator, "it_happened", another, **{**FOUND, **answers})
        assert OperatorAction.objects.get(run=another).operation == "it_happened"


def test_who_opens_the_page_has_the_outside_system_asked_and_is_asked_no_more_than_it_does_not_say(
    scene: Callable[..., Scene], operator: Client, viewer: Client
) -> None:
    mutator = mute()
    mutator.result_fields = FIELDS
    run = scene(mutator=mutator).happens(days=0)
    answer = {"status": 200, "number": "4711", "reason": "R-9"}
    mutator.reconcile = lambda *_, **__: Reconciliation.applied(answer)
    address = page_of(run).replace("change", "look")
    assert f'hx-post="{address}"' in operator.get(page_of(run)).content.decode()
    assert f'hx-post="{address}"' not in viewer.get(page_of(run)).content.decode()
    assert operator.get(address).status_code == 405
    assert viewer.post(address).status_code == 204
    assert not Evidence.objects.filter(kind="probe").exists()

    assert operator.post(address).headers["Location"] == page_of(run)

    # Not once more at once, by whomever.
    assert operator.post(address).status_code == 204
    text = text_of_answer(operator.get(page_of(run)))
    assert (
        "asked just now , and says that it happened. If you have no doubt, press “It happened”."
        in text
    )
    assert (
        "The outside system says that it happened. Is that right? Meanwhile the main lane of"
        in text
    )
    assert "Known so far The outside system says that it happened; nobody has decided yet" in text
    assert "Why it was not known at first" in text
    assert "obody knows" not in text
    assert "Asked when olga opened the page of the run, or was about to decide." in text
    dialog = text_of_answer(operator.get(page_of(run, "it_happened")))
    assert "The payment's number" not in dialog
    assert "says that it happened. If it did not happen, nobody will ever do it." in dialog
    assert "Look in the outside system first" not in dialog
    opposite = text_of_answer(operator.get(page_of(run, "it_didnt_happen")))
    assert "The outside system says that it happened. If it did happen, doing it again" in opposite
    assert "The outside system was asked, and says that it happened." in dialog
    assert told(press(operator, "it_happened", run)) == [
        "Pay invoice 42: It happened: the run goes on from there. The outside system was asked, and says the same."
        " Kept as the result: The payment's number: 4711, The bank's reference: R-9."
    ]
    assert Run.objects.get(pk=run.pk).mutation.result == answer


def test_if_it_can_not_say_any_more_the_dialog_asks_the_person(
    scene: Callable[..., Scene], operator: Client
) -> None:
    mutator = mute()
    mutator.result_fields = FIELDS
    run = scene(mutator=mutator).happens(days=0)
    mutator.reconcile = lambda *_, **__: Reconciliation.applied({"number": "4711"})
    operator.post(page_of(run).replace("change", "look"))
    mutator.reconcile = lambda *_, **__: Reconciliation.retry("it is away")

    refused = press(operator, "it_happened", run)

    assert "The result lacks" in text_of_answer(refused)
    assert "The payment's number" in text_of_answer(refused)
    press(operator, "it_happened", run, **FOUND)
    assert Run.objects.get(pk=run.pk).mutation.result == {"number": "4711", "reason": "R-9"}
    assert "Known so far It happened, says olga" in text_of_answer(operator.get(page_of(run)))


def test_in_bulk_runs_about_which_something_is_asked_are_left_to_their_pages(
    numbered: Run, scene: Callable[..., Scene], operator: Client
) -> None:
    plain = scene("lost", slug="refund").happens(days=0)
    over = scene("applied", slug="paid").happens()
    chosen = {"action": "bulk_it_happened", "_selected_action": [numbered.pk, plain.pk, over.pk]}

    preview = operator.post(list_of(Run), chosen)

    assert [item["row"] for item in preview.context["applying"]] == [plain]
    assert [item["row"] for item in preview.context["asking"]] == [numbered]
    assert preview.context["others"] == [over]
    text = text_of_answer(preview)
    assert preview.context["title"] == "It happened: 1 of 3 chosen"
    assert "Something is asked about this one: decide on its own page" in text
    assert "Nothing is sent. The workflow learns that it happened" in text
    chosen["_selected_action"] = [numbered.pk, plain.pk]
    confirmed = {**chosen, "confirmed": "yes", "reason": "I looked"}
    done, refused = told(operator.post(list_of(Run), confirmed))
    assert done == "It happened: done for 1."
    assert refused.startswith("The result lacks “number”, “reason”.")
    assert list(OperatorAction.objects.values_list("run", flat=True)) == [plain.pk]


def test_decide_now_stops_the_host_and_offers_what_can_be_decided(
    scene: Callable[..., Scene], operator: Client, superuser: Client, viewer: Client
) -> None:
    run = scene(mutator=mute(asked=2)).happens(days=0)
    assert press(viewer, "decide_now", run).status_code == 403
    dialog = text_of_answer(operator.get(page_of(run, "decide_now")))
    assert "By this alone nothing is settled, and nothing is sent." in dialog

    answer = press(operator, "decide_now", run)

    assert told(answer) == [
        "Decide now: the outside system is asked no more. Say now what happened."
    ]
    assert Run.objects.get(pk=run.pk).status == "blocked"
    page = operator.get(page_of(run)).content.decode()
    for name in ("it_happened", "it_didnt_happen", "skip_run", "try_again"):
        assert page_of(run, name) in page
    second, _words = told(press(superuser, "decide_now", run))
    assert second.startswith(f"Run {run.pk} is not reconciling: it is blocked. olga decided")
    assert OperatorAction.objects.count() == 1
