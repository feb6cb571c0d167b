"""The page of a run that failed, was skipped, or is done: why, what came of it, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.addresses import list_of, page_of, text_of
from tests.models.rows import NOON, Rows
from tests.scenes import Scene, workflow_with
from workflows_app.models import Evidence, Run
from workflows_app.operations import it_didnt_happen, skip_run
from workflows_app.testing import (
    SimulatedCrash,
    registered,
    scripted,
)

pytestmark = pytest.mark.django_db


def test_a_failed_run_with_a_date_says_that_nobody_has_to_act(
    scene: Callable[..., Any], operator: Client
) -> None:
    run = scene("refused").happens(days=0)
    assert run.retry_due_at is not None
    text = text_of(operator, page_of(run))
    assert (
        "This attempt failed. It did not happen outside. It is tried again at"
        f" {run.retry_due_at:%Y-%m-%d %H:%M:%S} UTC without anybody's doing." in text
    )
    assert "Why it failed refused by the script" in text
    assert "Known so far Did not happen, by the answer to the call" in text


def test_a_failed_run_without_a_date_says_what_to_do(
    scene: Callable[..., Any], operator: Client
) -> None:
    play = scene("rejected")
    play.mutator.verification_url = lambda self, params: "https://bank.example/"
    run = play.happens()
    text = text_of(operator, page_of(run))
    assert "Why it failed rejected by the script Where to look Look there" in text
    assert (
        "This attempt failed. It did not happen outside: the outside system refused it for good. Nothing"
        " happens by itself: the main lane of workflow “ Pay the invoices ” waits for a person or for a"
        " new version." in text
    )
    assert "Look there why it was refused. If that has changed, retry it." in text
    assert (
        "What you can do Skip event If it shall not be done at all. What it was about is skipped for"
        " good, and its lane goes on. Retry now If the cause is gone. It is tried again at once."
        in text
    )
    assert "refused it for good: sent again, it will probably be" in text_of(
        operator, page_of(run, "retry_failed_run")
    )
    assert "The call: It refused it for good: rejected by the script" in text
    assert "skip it, and tell whoever waits for it in another way." in text
    assert "Failure rejected by the outside system, while mutating: rejected by the script" in text
    Run.objects.filter(pk=run.pk).update(failure_phase="prepared")
    assert "system, while prepared: rejected" in text_of(operator, page_of(run))


def test_a_run_that_ended_its_workers_says_which_events_to_look_at(operator: Client) -> None:
    rows = Rows()
    run = rows.run(
        "failed",
        phase="preparing",
        lane="ACME",
        failure_kind="poison",
        failure_message="its worker died, 4 times in a row",
        owes_retry=True,
        ended_at=NOON,
    )
    for lane in ("ACME", "ACME", "other"):
        rows.event(lane=lane)

    text = text_of(operator, page_of(run))

    assert (
        "Its worker died or hung each time, so it is not tried again by itself. Find out which"
        " event does that. Skip the event, or deploy a version that can take it. Nothing happens by"
        " itself: lane “ACME” of workflow “ Pay ” waits for a person or for a new version." in text
    )
    assert "Why it failed its worker died, 4 times in a row" in text
    assert (
        "First events in its lane m1 invoice.received, Pending m2 invoice.received, Pending It took"
        " none of them: it ended before that." in text
    )
    assert "Lane ACME" in text


def test_an_attempt_that_was_taken_over_leads_to_the_one_that_took_over(
    blocked: Run, operator: Client, viewer: Client, operator_user: User
) -> None:
    it_didnt_happen(blocked, actor=operator_user, reason="Not in the bank's list")
    retry = Run.objects.get(retry_of=blocked)
    text = text_of(operator, page_of(blocked))
    assert (
        f"No other run waits for a decision. Home Pay invoice 42 You said that it did not happen."
        f" Run {retry.pk} does it again. What was attempted" in text
    )
    page = operator.get(page_of(blocked)).content.decode()
    assert f'href="{page_of(retry)}">Run {retry.pk} does it again.</a>' in page
    assert "Transient" not in text
    assert "Sent again" in text_of(operator, list_of(Run))
    assert "olga said that it did not happen. Run" in text_of(viewer, page_of(blocked))
    assert f"Attempts run {blocked.pk} (this one) → run {retry.pk} (Pay invoice 42)" in text
    assert "Known so far It did not happen, says olga" in text
    assert "It didn't happen by olga" in text
    assert "It waits for its turn." in text_of(operator, page_of(retry))
    assert "Waiting" in text_of(operator, list_of(Run))
    Run.objects.filter(pk=retry.pk).update(fencing_token=retry.workflow.lease.token)
    assert "In progress." in text_of(operator, page_of(retry))


def test_a_done_run_says_so_and_shows_what_came_of_it(
    scene: Callable[..., Any], operator: Client
) -> None:
    run = scene("applied").happens()
    text = text_of(operator, page_of(run))
    assert "Done." in text
    assert "Published 42 invoice.paid" in text
    assert "It happened If" not in text


def test_a_run_that_took_nothing_though_it_had_data_says_so(operator: Client) -> None:
    kept = {"reservations": [], "data": {"amount": 1}, "title": "", "wake_at": None}
    run = Rows().run("committed", phase="committed", prepare_result=kept)

    text = text_of(operator, page_of(run))

    assert "It took no event and called nothing, though its code gave data for a call." in text
    # One that looked and found nothing is as it should be.
    kept = {**kept, "data": None}
    run = Rows("other").run("committed", phase="committed", prepare_result=kept)
    assert "It took no event" not in text_of(operator, page_of(run))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("unknown", "Whether it happened was not learned before that."),
        ("applied", "The outside system said that it happened."),
        ("not_applied", "The outside system said that it did not happen."),
    ],
)
def test_a_skipped_run_says_who_decided_what_and_what_was_known(
    scene: Callable[..., Any], operator: Client, operator_user: User, verdict: str, words: str
) -> None:
    play = scene("lost")
    run = play.happens()
    Evidence.objects.create(mutation=run.mutation, kind="probe", verdict=verdict)
    skip_run(run, actor=operator_user, reason="Paid by card")
    play.run_host()
    # Its worker died meanwhile: another run brought it to its end.
    carrying = Rows("other").run("committed", phase="committed", carried_mutation=run.mutation)
    for row in (run, carrying):
        text = text_of(operator, page_of(row))
        assert "Done, without it: olga skipped it, " in text
        assert f": Paid by card {words}" in text
        assert "Known so far Skipped by olga" in text
        assert "Committed" not in text.split("Timeline")[1].split("Phase")[0]


def test_a_run_whose_worker_died_says_who_took_over(operator: Client) -> None:
    mutator = scripted("applied")
    code = workflow_with(mutator)
    prepare = code.consumers[0].prepare
    deaths = [SimulatedCrash]

    def dying(self: Any, ctx: Any, state: Any) -> Any:
        if deaths:
            raise deaths.pop()
        return prepare(self, ctx, state)

    code.consumers[0].prepare = dying  # type: ignore[method-assign]
    with registered(code):
        play = Scene(mutator, "pay")
        play.publish()
        with pytest.raises(SimulatedCrash):
            play.run_host()
        play.run_host()
        crashed = Run.objects.get(status="crashed")
        text = text_of(operator, page_of(crashed))
        assert "This attempt ended when its worker died. It is tried again at " in text
        assert "Why it ended its worker died" in text
        assert "First events in its lane 42 invoice.received, Pending" in text
        play.run_host(crashed.retry_due_at)
    retry = Run.objects.get(retry_of=crashed)
    text = text_of(operator, page_of(crashed))
    assert "This attempt ended when its worker died. Its events were given back, and a new" in text
    assert f"Attempts run {crashed.pk} (this one) → run {retry.pk} (Pay invoice 42)" in text
