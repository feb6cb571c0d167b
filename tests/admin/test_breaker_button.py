"""The button of a breaker: allowed, denied, and pressed twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import page_of, text_of, told
from tests.scenes import Scene
from workflows_app.models import Breaker, OperatorAction
from workflows_app.models.saving import save_with_history

pytestmark = pytest.mark.django_db


@pytest.fixture
def breaker(scene: Callable[..., Any]) -> Breaker:
    """An open one."""
    play: Scene = scene("lost")
    play.happens(days=0)
    breaker = Breaker.objects.get()
    breaker.open(now=timezone.now(), trial_at=timezone.now())
    save_with_history(breaker, reason="the bank is away")
    return breaker


def press(client: Client, breaker: Breaker) -> Any:
    data = {"_form_submitted": "True", "reason": "The bank is back"}
    return client.post(page_of(breaker, "close_breaker"), data)


def status(breaker: Breaker) -> str:
    return str(Breaker.objects.get(pk=breaker.pk).status)


def test_send_again_closes_it(breaker: Breaker, operator: Client, operator_user: User) -> None:
    assert "Send again" in text_of(operator, page_of(breaker))

    response = press(operator, breaker)

    assert (response.status_code, response.url) == (302, page_of(breaker))
    assert told(response) == ["Send again: calls go out."]
    assert status(breaker) == "closed"
    action = OperatorAction.objects.get()
    assert (action.operation, action.actor) == ("close_breaker", operator_user)
    assert "What you can do" not in text_of(operator, page_of(breaker))
