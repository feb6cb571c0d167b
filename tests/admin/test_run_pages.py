"""The page of a run says, in each state, what happened and whether anybody has to do anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.html import escape

from tests.admin.addresses import page_of, text_of, told
from workflows_app.models import Evidence, Run
from workflows_app.operations import take
from workflows_app.testing import (
    ReconcilableScriptedMutator,
)

pytestmark = pytest.mark.django_db


class Away(ReconcilableScriptedMutator):
    """An outside system that answers neither the call nor the question."""

    name = "scripted"
    calls: list[Any]
    effects: list[str]
    reconciliations: list[str]
    outcomes: list[str]

    def reconcile(self, params: Any, *, idempotency_key: str) -> Any:
        raise TimeoutError("502 Bad Gateway")

    def verification_steps(self, params: Any) -> str:
        return f"Open the list of payments.\nLook for {params['to']}."


@pytest.mark.parametrize(
    ("url", "leads_there"),
    [
        ("https://bank.example/payments?to=A%20Ltd&b=1", True),
        ("javascript:alert(1)", False),
        ("x", False),
    ],
)
def test_where_a_person_looks_is_a_button_that_opens_a_tab_of_its_own(
    scene: Callable[..., Any], operator: Client, url: str, leads_there: bool
) -> None:
    play = scene("lost")
    play.mutator.verification_url = lambda self, params: url

    page = operator.get(page_of(play.happens())).content.decode()

    where = f'href="{escape(url)}" target="_blank" rel="noopener noreferrer">Look there'
    assert (where in page) == leads_there
    assert ("Look there" in page) == leads_there
    # On one line: what does not fit shows when pointed at.
    named = f'title="{escape(url)}">https://bank.example/payments?to=A Ltd&amp;b=1<'
    assert (named in page) == leads_there


def test_instructions_that_fail_do_not_hide_the_page(
    scene: Callable[..., Any], operator: Client
) -> None:
    play = scene("lost")

    def broken(self: Any, params: Any) -> str:
        raise KeyError("no such parameter")

    play.mutator.verification_steps = broken
    text = text_of(operator, page_of(play.happens()))
    assert "How to check could not be computed" in text
    assert "no such parameter" not in text


def test_after_a_decision_the_oldest_that_nobody_else_looks_into_opens_and_says_what_was_done(
    scene: Callable[..., Any], operator: Client, operator_user: User
) -> None:
    runs = [scene("lost", slug=f"pay-{number}").happens(str(number)) for number in range(4)]
    decided, taken, own, _ = runs
    take(taken, actor=User.objects.create_superuser("carla"))
    take(own, actor=operator_user)
    assert "Next that needs a person" not in text_of(operator, page_of(own))

    sent = {"_form_submitted": "True", "reason": "Paid by card"}
    answer = operator.post(page_of(decided, "skip_run"), sent)

    assert answer.headers["Location"] == page_of(own)
    assert told(answer) == [
        f'<a class="ops-link" href="{page_of(decided)}">Pay invoice 0</a>: Skip: the run goes on without it.'
        " <strong>This is the next of 3 that wait.</strong>"
    ]
    # Whoever comes back to what is decided is led on, too.
    page = operator.get(page_of(decided)).content.decode()
    assert f'href="{page_of(own)}">Pay invoice 2</a> <span class="ops-muted">3 wait</span>' in page
    for run in runs[1:]:
        take(run, actor=User.objects.get(username="carla"))
    others = "Others look into all that still waits, or decide about it. Home"
    assert others in text_of(operator, page_of(decided))


@pytest.mark.parametrize(
    ("said", "coloured"),
    [
        ([], []),
        (["unknown"], []),
        (["applied"], ["It happened"]),
        (["not_applied", "unknown"], ["It didn&#x27;t happen"]),
        (["applied", "not_applied"], []),
    ],
)
def test_a_decision_is_coloured_only_if_the_outside_system_itself_speaks_for_it(
    blocked: Run, operator: Client, said: list[str], coloured: list[str]
) -> None:
    for verdict in said:
        Evidence.objects.create(mutation=blocked.mutation, kind="late", verdict=verdict)
    page = operator.get(page_of(blocked)).content.decode()
    decisions = page.split('id="decide"')[1].split("</ul>")[0]
    assert re.findall(r'ops-button-primary" role="button" data-ops-key="([^"]+)"', decisions) == (
        coloured
    )
    assert "ops-button-danger" not in decisions
    assert "ops-button-warning" not in decisions
