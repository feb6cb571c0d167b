"""The page of a run says, in each state, what happened and whether anybody has to do anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.html import escape

from tests.admin.addresses import page_of, text_of, text_of_answer, told
from workflows_app.models import Event, Evidence, Input, Mutation, Run
from workflows_app.operations import skip_run, take
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


@pytest.fixture
def away() -> type[Away]:
    records = {"outcomes": ["timeout"], "calls": [], "effects": [], "reconciliations": []}
    return type("Away", (Away,), records)


def test_a_blocked_run_that_can_be_asked_says_all_that_is_known(
    scene: Callable[..., Any], away: type[Away], operator: Client
) -> None:
    run = scene(mutator=away).happens(payload={"amount": "12.50", "to": "ACME"}, days=6)
    assert run.status == "blocked"

    page = operator.get(page_of(run))
    text = text_of_answer(page)

    copied = re.findall(r'data-ops-copy="([^"]*)" aria-label="([^"]*)"', page.content.decode())
    assert {name: value for value, name in copied} == {
        "Copy the target": "the script",
        "Copy the key": run.mutation.idempotency_key,
        "Copy the message id": "42",
    }
    for words in (
        "Did it happen? Nobody knows, and the main lane of workflow “ Pay the invoices ” waits for the answer.",
        "What was attempted scripted → the script",
        "Parameters To ACME Amount 12.50",
        f"Idempotency key {run.mutation.idempotency_key} Copy",
        "Known so far Nothing for certain",
        "It came of 42 app invoice.received 42",
        "Events 42 invoice.received, Reserved",
        "Workflow Pay the invoices , version 1.0, Pay, run ",
        "Why nobody knows The outside system took too long to answer. It may have done it all the same:",
        "The outside system was asked 5 times. It gave no answer to that.",
        "attempt 5: It gave no answer to that. Details TimeoutError: 502 Bad Gateway",
        "How to check The outside system is being asked … Open the list of payments. Look for ACME.",
        "Its lane Nothing else waits in the main lane . Other lanes go on.",
        "Who looks into it Nobody has said so.",
        "Did it happen? It happened If it is there, in the outside system. Nothing is sent, and the",
        "It didn't happen If it is not there, in the outside system, and still wanted. It is sent again.",
        "Skip If it is no longer wanted, or nobody can find out.",
        "Try again If you can't look now. The outside system is asked again, several times.",
    ):
        assert words in text
    # First what fits one screen: what, why nobody knows, how to find out, the decision; then all else.
    first = ("What was attempted", "Why nobody knows", "How to check", "It happened If")
    then = ("Idempotency key", "What was tried", "Its lane", "Who looks into it", "Timeline")
    order = [text.index(part) for part in (*first, *then)]
    assert order == sorted(order)
    assert "not offered" not in text


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


def test_a_blocked_run_that_nobody_can_ask_says_so(blocked: Run, operator: Client) -> None:
    text = text_of(operator, page_of(blocked))
    assert (
        "Try again : not offered, this outside system can't be asked, so only a person can look."
        in text
    )
    assert (
        "How to check The workflow's author left no instructions. Look in the outside system"
        " for the target and the parameters above." in text
    )


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


def test_a_run_whose_code_is_gone_can_still_be_settled(
    blocked: Run, operator: Client, operator_user: User
) -> None:
    Mutation.objects.filter(pk=blocked.mutation.pk).update(mutator="gone.from.the.code")
    text = text_of(operator, page_of(blocked))
    assert "Try again : not offered, the code that could ask the outside system is not part" in text
    skip_run(Run.objects.get(pk=blocked.pk), actor=operator_user, reason="Looked it up")


def test_a_reconciling_run_says_when_the_host_asks_next(
    scene: Callable[..., Any], away: type[Away], operator: Client
) -> None:
    run = scene(mutator=away).happens(payload={"to": "ACME"}, days=0)
    assert run.status == "reconciling"
    text = text_of(operator, page_of(run))
    due = run.mutation.next_reconcile_at
    assert (
        "Whether it happened is unknown. The outside system is asked, next at"
        f" {due:%Y-%m-%d %H:%M:%S} UTC . Nobody needs to do anything yet." in text
    )
    assert "How to check Open the list of payments. Look for ACME." in text
    assert "It happened If" not in text
    assert (
        "If you know already what happened Decide now If you know what happened, or won't" in text
    )


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


def test_the_mutation_page_shows_evidence_against_the_ledger(
    scene: Callable[..., Any], viewer: Client
) -> None:
    run = scene("applied").happens()
    Evidence.objects.create(
        mutation=run.mutation, kind="late", verdict="not_applied", detail="409", contradicts=True
    )
    for row in (run.mutation, run):
        assert "It says: it did not happen. This contradicts the ledger. Details 409" in text_of(
            viewer, page_of(row)
        )
    assert "The outside system has answered after all: it did not happen." in text_of(
        viewer, page_of(run)
    )
    assert f"Run Pay invoice 42 run {run.pk}, Committed" in text_of(viewer, page_of(run.mutation))


def test_from_an_input_all_that_came_of_it_is_one_click_away_and_back(
    scene: Callable[..., Any], viewer: Client
) -> None:
    run = scene("applied").happens()
    cause = Input.objects.get()
    page = viewer.get(page_of(cause)).content.decode()
    events = list(Event.objects.order_by("pk"))
    assert len(events) == 2
    for row in (*events, run, run.mutation):
        assert page_of(row) in page
        assert page_of(cause) in viewer.get(page_of(row)).content.decode()
