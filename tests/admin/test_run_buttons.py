"""The buttons of a run: allowed, denied, pressed twice, opened only, and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.admin.addresses import list_of, page_of, text_of, told
from workflows_app.models import Event, Evidence, OperatorAction, Run
from workflows_app.testing import drain

pytestmark = pytest.mark.django_db

WARNING = "If it did happen, doing it again makes a duplicate: scripted → the script."
DECISIONS = ["it_happened", "it_didnt_happen", "skip_run"]


def url_of(name: str, run: Run) -> str:
    return reverse(f"admin:workflows_app_run_{name}", args=[run.pk])


def press(client: Client, name: str, run: Run, reason: str = "I looked at the bank", **extra: Any):
    return client.post(url_of(name, run), {"_form_submitted": "True", "reason": reason}, **extra)


def test_it_didnt_happen_sends_it_again_once(
    blocked: Run, operator: Client, operator_user: User
) -> None:
    response = press(operator, "it_didnt_happen", blocked)

    assert response.status_code == 302
    assert response.url == page_of(blocked)
    assert told(response) == [
        "Pay invoice 42: It didn't happen: a new run sends it again."
        " The outside system was not asked: it is your word that counts."
    ]
    action = OperatorAction.objects.get()
    assert (action.operation, action.actor, action.reason, action.run) == (
        "it_didnt_happen",
        operator_user,
        "I looked at the bank",
        blocked,
    )
    retry = Run.objects.get(retry_of=blocked)
    assert retry.idempotency_key == blocked.idempotency_key
    drain("pay")
    assert Run.objects.get(pk=retry.pk).status == "committed"
    assert f"run {retry.pk}" in operator.get(page_of(blocked)).content.decode()


def test_skip_lets_the_workflow_go_on_without_it(blocked: Run, operator: Client) -> None:
    response = press(operator, "skip_run", blocked)

    assert told(response) == ["Pay invoice 42: Skip: the run goes on without it."]
    assert OperatorAction.objects.get().operation == "skip_run"
    assert Event.objects.get().status == "skipped"


def test_try_again_asks_the_outside_system(scene: Callable[..., Any], operator: Client) -> None:
    play = scene("timeout", reconcilable=True)
    play.mutator.reconcile = _no_answer
    run = play.happens(days=5)
    assert run.status == "blocked"
    assert "Try again" in operator.get(page_of(run)).content.decode()

    response = press(operator, "try_again", run)

    assert told(response) == ["Try again: the outside system is asked now."]
    assert Run.objects.get(pk=run.pk).status == "reconciling"


def _no_answer(self: Any, params: Any, *, idempotency_key: str) -> Any:
    raise TimeoutError("the bank is away")


def test_retry_now_makes_a_new_run(scene: Callable[..., Any], operator: Client) -> None:
    run = scene("rejected", "applied").happens()
    assert run.status == "failed"
    assert run.owes_retry

    response = press(operator, "retry_failed_run", run)

    assert told(response) == ["Pay invoice 42: Retry now: a new run was made."]
    assert Run.objects.get(retry_of=run).status == "active"


def test_a_viewer_is_told_that_there_is_nothing_to_decide(blocked: Run, viewer: Client) -> None:
    assert "You may look, but not decide." in viewer.get(page_of(blocked)).content.decode()


def test_the_dialog_says_what_a_mistake_costs(blocked: Run, operator: Client) -> None:
    page = operator.get(url_of("it_didnt_happen", blocked)).content.decode()
    assert WARNING in page
    assert "the script" in page
    assert "12.50" in page
    assert "ACME" in page


def test_only_buttons_that_apply_are_shown(blocked: Run, operator: Client) -> None:
    page = operator.get(page_of(blocked)).content.decode()
    assert url_of("it_happened", blocked) in page
    assert url_of("it_didnt_happen", blocked) in page
    assert url_of("skip_run", blocked) in page
    # The host is not asking any more.
    assert url_of("decide_now", blocked) not in page
    # Nobody can ask the outside system, and a blocked run is no failed one.
    assert url_of("try_again", blocked) not in page
    assert url_of("retry_failed_run", blocked) not in page


def test_a_button_that_does_not_apply_is_refused_in_words(blocked: Run, operator: Client) -> None:
    no_answer = told(press(operator, "try_again", blocked))
    assert no_answer[-2] == (
        "Nobody but a person can find out whether scripted happened. Check it by hand, then"
        " choose “It happened”, “It didn't happen” or “Skip”."
    )
    unknown = told(press(operator, "retry_failed_run", blocked))
    assert unknown[-2].startswith(f"Run {blocked.pk} can't be retried: whether its outside effect")


def test_an_answer_that_came_too_late_is_not_overlooked(blocked: Run, operator: Client) -> None:
    places = [url_of(where, blocked) for where in (*DECISIONS, "change")]
    before = [operator.get(place).content.decode() for place in places]
    for verdict in ("applied", "unknown"):
        Evidence.objects.create(mutation=blocked.mutation, kind="late", verdict=verdict)
    pages = [operator.get(place).content.decode() for place in places]

    assert "Pay invoice 42 answered after all: it happened" in text_of(operator, list_of(Run))
    assert ["has answered after all" in page for page in before] == [False] * len(places)
    sentence = "The outside system has answered after all: it happened."
    assert [sentence in page for page in pages] == [True] * len(places)


def test_an_owed_retry_shows_its_button(scene: Callable[..., Any], operator: Client) -> None:
    run = scene("refused").happens(days=0)
    assert run.retry_due_at is not None
    assert run.retry_due_at > timezone.now()
    assert url_of("retry_failed_run", run) in operator.get(page_of(run)).content.decode()
