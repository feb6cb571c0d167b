"""The button of a breaker: allowed, denied, and pressed twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import page_of, text_of, told
from tests.models.rows import NOON, Rows
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


def test_its_page_lists_the_runs_whose_outcome_was_unknown_the_last_one_first(
    breaker: Breaker, viewer: Client
) -> None:
    rows, third = Rows("other"), Rows("third")
    runs = []
    # Of three whose outcome was unknown the breaker counts two, and none of another consumer.
    for verdict in ("unknown", "unknown", "applied", "unknown"):
        run = rows.run("blocked", lane=f"lane {len(runs)}", title=f"Pay {len(runs)}")
        mutation = rows.mutation(run, "indeterminate")
        detail = "ReadTimeout: no answer"
        mutation.evidence.create(kind="execute", verdict=verdict, detail=detail)
        mutation.evidence.create(kind="reconcile", verdict="unknown", detail="still nothing")
        runs.append(run)
    foreign = third.mutation(third.run("blocked"), "indeterminate")
    foreign.evidence.create(kind="execute", verdict="unknown", detail="ReadTimeout: no answer")
    opened = {"unknowns": 2, "openings": 1, "opened_at": NOON, "trial_at": NOON}
    other = Breaker.objects.create(handler=rows.handler, status="open", **opened)

    text = text_of(viewer, page_of(other))
    assert (
        "2 unknown outcomes in a row No new call goes out. One is tried at 2026-01-01 12:00:00 UTC ."
        in text
    )
    assert "Pay 3 blocked, lane “ lane 3 ” ReadTimeout: no answer" in text
    assert text.count("ReadTimeout") == 2
    page = viewer.get(page_of(other)).content.decode()
    for row in (rows.workflow, rows.handler):
        assert f'href="{page_of(row)}"' in page
    shown = [run for run in runs if page_of(run) in page]
    assert shown == [runs[1], runs[3]]
    assert page.index(page_of(runs[3])) < page.index(page_of(runs[1]))


def test_send_again_closes_it(breaker: Breaker, operator: Client, operator_user: User) -> None:
    assert "Send again" in text_of(operator, page_of(breaker))

    response = press(operator, breaker)

    assert (response.status_code, response.url) == (302, page_of(breaker))
    assert told(response) == ["Send again: calls go out."]
    assert status(breaker) == "closed"
    action = OperatorAction.objects.get()
    assert (action.operation, action.actor) == ("close_breaker", operator_user)
    assert "What you can do" not in text_of(operator, page_of(breaker))
