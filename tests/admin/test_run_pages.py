"""The page of a run says, in each state, what happened and whether anybody has to do anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from tests.admin.addresses import page_of, text_of
from tests.models.rows import NOON, Rows
from workflows_app.models import Lease, Run
from workflows_app.operations import it_didnt_happen, take
from workflows_app.sdk import Mutator
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db


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


def test_the_key_protects_from_the_first_call_on_if_anybody_said_so(
    scene: Callable[..., Any], operator: Client, operator_user: User
) -> None:
    class Bank(scripted("lost", "lost")):  # type: ignore[misc]
        key_lasts = timedelta(days=1)

    play = scene(mutator=Bank)
    first = play.happens()
    it_didnt_happen(first, actor=operator_user, reason="It is not in the list")
    play.run_host(timezone.now() + timedelta(hours=1))
    again = Run.objects.get(retry_of=first)

    dialog = text_of(operator, page_of(again, "it_didnt_happen"))

    until = timezone.localtime(first.mutation.sent_at + timedelta(days=1))
    assert f"Until {until:%Y-%m-%d %H:%M %Z} the key keeps it from being done twice" in dialog
    Bank.key_lasts = None
    dialog = text_of(operator, page_of(again, "it_didnt_happen"))
    assert "this outside system does not honour the key" in dialog
    # What its author did not say, nobody knows; neither does a stand-in.
    del Bank.key_lasts
    dialog = text_of(operator, page_of(again, "it_didnt_happen"))
    assert "nobody has said whether this outside system honours the key" in dialog
    silent: Any = type("Silent", (Mutator,), {"name": "silent", "execute": lambda *_, **__: None})
    assert not scripted(replaces=silent).says("key_lasts")


def test_after_a_decision_what_waits_longest_in_the_same_workflow_is_next_then_any_other(
    operator: Client,
) -> None:
    pay, tell = Rows("pay"), Rows("tell")
    for rows in (pay, tell):
        Lease.objects.create(workflow=rows.workflow)
    # Those of the other workflow wait longer.
    elsewhere, *own = (
        rows.run("blocked", lane=str(days), started_at=NOON - timedelta(days=days))
        for rows, days in ((tell, 9), (pay, 3), (pay, 1), (pay, 2), (pay, 7))
    )
    for run in (elsewhere, *own):
        pay.mutation(run, "indeterminate")
    first, newest, next_one, taken = own
    take(taken, actor=User.objects.create_superuser("root"), reason="I look into it")
    # What oneself has taken is next as well.
    take(newest, actor=User.objects.get(username="olga"))

    assert goes_to(operator, first) == page_of(next_one)
    assert goes_to(operator, next_one) == page_of(newest)
    assert f'href="{page_of(newest)}"' in operator.get(page_of(first)).content.decode()
    assert goes_to(operator, newest) == page_of(elsewhere)


def goes_to(person: Client, run: Run) -> str:
    """Skip `run` and return the address to which that leads."""
    dialog = person.get(page_of(run, "skip_run"), headers={"hx-request": "true"})
    seen = dialog.content.decode().split('name="seen" value="')[1].split('"')[0]
    sent = {"_form_submitted": "True", "seen": seen, "reason": "It is settled", "tick": "on"}
    return str(person.post(page_of(run, "skip_run"), sent).headers["Location"])
