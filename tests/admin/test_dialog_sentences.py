"""Dialogs say what is done twice, what follows, what never follows, and what is held back (P7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import opened, page_of, text_of_answer
from tests.scenes import Scene
from workflows_app import registry
from workflows_app.models import Breaker, Mutation, Run
from workflows_app.operations import it_didnt_happen, pause_workflow
from workflows_app.sdk import Consumer, Workflow
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db


def told_of(topics: Sequence[tuple[str, str]]) -> type[Workflow]:
    """Return the workflow's code as it would be if it published these `topics`, each taken by the consumer named."""
    code = registry.declared["pay"]
    takers = [type(taker, (Consumer,), {"subscribes": [topic]}) for topic, taker in topics if taker]
    pay = type("Pay", (code.consumers[0],), {"publishes": [topic for topic, _ in topics]})
    return type(code.__name__, (code,), {"consumers": [pay, *takers]})


@pytest.mark.parametrize(
    ("lasts", "words"),
    [
        (
            None,
            "Nothing keeps it from being done twice: this outside system does not honour the key.",
        ),
        (
            timedelta(hours=24),
            "the key keeps it from being done twice; after that nothing does.",
        ),
        (
            timedelta(microseconds=1),
            "Nothing keeps it from being done twice: the outside system honoured the key until",
        ),
    ],
)
def test_it_says_what_is_done_twice_and_whether_a_key_protects(
    scene: Callable[..., Scene],
    operator: Client,
    operator_user: User,
    lasts: timedelta | None,
    words: str,
) -> None:
    mutator = scripted("lost")
    mutator.key_lasts = lasts
    play = scene(mutator=mutator)
    first = play.happens(days=0)
    # The key counts from the first of all calls with it.
    first_sent_at = first.mutation.sent_at - timedelta(hours=2)
    Mutation.objects.filter(pk=first.mutation.pk).update(sent_at=first_sent_at)
    it_didnt_happen(first, actor=operator_user, reason="It is not there")
    play.run_host()
    run = Run.objects.get(retry_of=first)

    text = text_of_answer(operator.get(page_of(run, "it_didnt_happen")))

    assert "makes a duplicate: scripted → the script. Look in the outside system first." in text
    assert words in text
    if lasts:
        until = timezone.localtime(first_sent_at + lasts)
        assert f"ntil {until:%Y-%m-%d %H:%M %Z}" in text
    page = opened(operator, "it_didnt_happen", run)
    assert (
        f"I looked for “{run.title}” (the script) in the outside system, and it is not there"
        in page
    )
    (tick,) = re.findall(r'<input[^>]*name="looked"[^>]*>', page)
    assert "required" in tick
    # By the browser itself, without any script.
    assert "novalidate" not in page
    assert "required" in page.split("<textarea")[1].split(">")[0]


@pytest.mark.parametrize(
    ("topics", "follows", "lacks"),
    [
        (
            [("invoice.paid", "NotifySuppliers")],
            "goes on: invoice.paid is published, and NotifySuppliers takes it.",
            "invoice.paid is not published as after a success, so NotifySuppliers never learns of it.",
        ),
        (
            [("invoice.paid", ""), ("paid.twice", "Audit")],
            "goes on: of these, what its code decides: invoice.paid is published, and no consumer takes it;"
            " paid.twice is published, and Audit takes it.",
            "invoice.paid is not published as after a success, and who waits for that is not told."
            " paid.twice is not published as after a success, so Audit never learns of it.",
        ),
        ([], "goes on: it publishes nothing.", "this workflow never does it."),
        (None, "what it publishes is not known here", "What it would have published is not known"),
    ],
)
def test_a_dialog_says_in_the_words_of_this_run_what_follows_and_what_never_does(
    blocked: Run,
    operator: Client,
    topics: Sequence[tuple[str, str]] | None,
    follows: str,
    lacks: str,
) -> None:
    with registry.override():
        registry.declared.update({"pay": told_of(topics)} if topics is not None else {})
        if topics is None:
            registry.declared.pop("pay")
        *others, skip = (
            text_of_answer(operator.get(page_of(blocked, name)))
            for name in (
                "it_happened",
                "it_didnt_happen",
                "try_again",
                "retry_failed_run",
                "skip_run",
            )
        )
    assert [follows in told for told in others] == [True] * 4
    never = "goes on. If “Pay invoice 42” was not done, this workflow never does it."
    assert never in skip
    assert lacks in skip
    assert "is published" not in skip
    assert "done twice" not in skip
    assert "Nothing follows as after a success. This can't be undone." in skip


def test_skip_names_its_events_with_what_tells_most_of_them_and_asks_for_a_tick(
    scene: Callable[..., Scene], operator: Client
) -> None:
    lines = {f"line {number}": "a text" for number in range(9)}
    payload = {"number": "42", "to": "ACME", "note": "x" * 99, **lines, "gross_amount": "12.50"}
    run = scene("lost").happens("42", payload, days=0)

    answer = operator.get(page_of(run, "skip_run"))

    assert (
        "Skipped for good invoice.received 42"
        " To: ACME, Line 0: a text, Line 1: a text, Gross amount: 12.50 What follows"
    ) in text_of_answer(answer)
    (tick,) = re.findall(r'<input[^>]*name="looked"[^>]*>', answer.content.decode())
    assert "required" in tick
    assert "“Pay invoice 42” is no longer wanted, or somebody sees to it outside" in text_of_answer(
        answer
    )


def test_an_open_breaker_and_a_paused_workflow_are_told_where_something_is_sent(
    blocked: Run, scene: Callable[..., Scene], operator: Client, superuser_user: User
) -> None:
    now = timezone.now()
    breaker = Breaker.objects.get(handler=blocked.handler)
    breaker.open(now=now, trial_at=now)
    breaker.save()
    pause_workflow(blocked.workflow, actor=superuser_user, reason="holidays")

    for name in ("it_didnt_happen", "retry_failed_run"):
        text = text_of_answer(operator.get(page_of(blocked, name)))
        assert "The circuit breaker of Pay is open" in text
        assert "It does not hold this call back." in text
        assert "The workflow is paused: it goes on when somebody resumes it." in text
    assert "breaker" not in text_of_answer(operator.get(page_of(blocked, "skip_run")))
