"""The buttons of a run: allowed, denied, pressed twice, opened only, and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.admin.addresses import page_of, told
from workflows_app.models import Event, OperatorAction, Run
from workflows_app.testing import drain

pytestmark = pytest.mark.django_db


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
