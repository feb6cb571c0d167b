"""What a person is told about a run to answer "did it happen?": all of it, and nothing made up (P3)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from tests.models.rows import NOON, Rows
from tests.scenes import Scene
from workflows_app import registry
from workflows_app.models import Event, Evidence, Run, Topic
from workflows_app.operations import add_note, it_didnt_happen, skip_run, take
from workflows_app.queries.behind import COUNTED_AT_MOST, Behind
from workflows_app.queries.explanation import ATTEMPTS_SHOWN, explain
from workflows_app.queries.fates import Fate
from workflows_app.sdk import Reconciliation
from workflows_app.testing import SimulatedCrash, scripted

pytestmark = pytest.mark.django_db

NO_ANSWER = "TimeoutError: no answer, says the script"
SceneMaker = Callable[..., Scene]


@pytest.fixture
def olga(db: None) -> User:
    return User.objects.create_superuser("olga")


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def test_a_blocked_run_is_explained_from_its_inputs_to_the_evidence(scene: SceneMaker) -> None:
    run = scene("lost").happens("42")

    told = explain(run)

    assert told.run == run
    assert told.mutation == run.mutation
    assert told.why == f"outcome unknown, and nobody can be asked: {NO_ANSWER}"
    assert [(row.kind, row.verdict, row.detail) for row in told.evidence] == [
        ("execute", "unknown", NO_ANSWER)
    ]
    assert told.verification_steps == ""
    assert [str(cause) for cause in told.inputs] == ["42"]
    assert [fate.event.message_id for fate in told.reserved] == ["42"]
    assert told.published == []
    assert told.decisions == []
    assert told.attempts == [run]


def test_a_run_that_is_being_asked_about_says_why_it_is_still_unknown(scene: SceneMaker) -> None:
    play = scene("timeout", reconcilable=True)
    play.mutator.reconcile = _down
    run = play.happens("42", days=0)

    told = explain(fresh(run))

    assert told.run.status == "reconciling"
    assert told.why == "still unknown, attempt 1: the bank's search is down"
    assert [(row.kind, row.attempt) for row in told.evidence] == [("execute", 1), ("reconcile", 1)]


def _down(self: object, params: object, *, idempotency_key: str) -> Reconciliation:
    return Reconciliation.retry("the bank's search is down")


def test_a_failed_run_says_what_went_wrong(scene: SceneMaker) -> None:
    run = scene("rejected").happens("42")

    assert explain(run).why == "rejected by the script"


def test_a_run_that_committed_has_nothing_to_explain(scene: SceneMaker) -> None:
    run = scene("applied").happens("42")

    told = explain(run)

    assert told.why == ""
    assert [event.topic.name for event in told.published] == ["invoice.paid"]


def test_a_run_without_an_outside_effect_is_explained_too(rows: Rows) -> None:
    told = explain(rows.run())

    assert (told.mutation, told.evidence, told.why) == (None, [], "")
    assert told.verification_steps == ""


def test_the_author_says_how_to_check_with_the_parameters_at_hand(scene: SceneMaker) -> None:
    play = scene("lost")

    def verification_steps(self: object, params: Any) -> str:
        return f"Look for {params.pop('amount')} at the bank.\ud800"

    play.mutator.verification_steps = verification_steps
    run = play.happens("42", {"amount": "12.50"})

    # Half a surrogate pair would keep the page from being sent.
    assert explain(run).verification_steps == "Look for 12.50 at the bank.\\ud800"
    assert run.mutation.params == {"amount": "12.50"}


@pytest.mark.parametrize("hangs", [False, True])
def test_author_s_words_that_fail_or_hang_do_not_hide_the_rest(
    scene: SceneMaker,
    caplog: pytest.LogCaptureFixture,
    settings: Settings,
    released: threading.Event,
    hangs: bool,
) -> None:
    settings.WORKFLOWS = {"handler_timeout_seconds": 0.2}
    play = scene("lost")

    def verification_steps(self: object, params: Any) -> str:
        if hangs:
            released.wait(20)
        raise KeyError("secret-account")

    play.mutator.verification_steps = verification_steps
    run = play.happens("42")
    caplog.clear()

    told = explain(run)

    assert told.verification_steps == "could not be computed"
    assert [fate.event.message_id for fate in told.reserved] == ["42"]
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, f"mutator.verification_failed run={run.pk} mutator=scripted")
    ]


def test_without_the_code_nobody_says_how_to_check(scene: SceneMaker) -> None:
    play = scene("lost", reconcilable=True, mutator=None)
    play.mutator.reconcile = _down
    play.mutator.verification_steps = lambda self, params: "Look at the list"
    run = play.happens("42", days=5)
    assert explain(run).verification_steps == "Look at the list"

    with registry.override():
        registry.declared.pop("pay")
        told = explain(run)

    assert told.verification_steps == ""


def test_a_run_that_brings_an_outcome_to_next_shows_the_evidence_of_that_call(
    scene: SceneMaker, olga: User
) -> None:
    play = scene("lost")
    blocked = play.happens("42")
    skip_run(blocked, actor=olga, reason="nobody will know")
    first = fresh(blocked)
    retry = Run.objects.create(
        workflow=first.workflow, handler=first.handler, version=first.version, retry_of=first,
        carried_mutation=first.mutation, phase="committed", status="committed",
        started_at=timezone.now(),
    )  # fmt: skip

    told = explain(retry)

    assert told.mutation == first.mutation
    assert [row.verdict for row in told.evidence] == ["unknown"]
    assert told.attempts == [first, retry]


def test_decisions_and_attempts_are_shown_at_each_attempt(scene: SceneMaker, olga: User) -> None:
    play = scene("lost", "applied")
    first = play.happens("42")
    note = add_note(first, actor=olga, text="They call back")
    taken, later = take(first, actor=olga), add_note(first, actor=olga, text="They called")
    takes = explain(fresh(first))
    assert (takes.decisions, takes.notes, takes.taking) == ([], [later, note], taken)
    action = it_didnt_happen(first, actor=olga, reason="I asked the bank")
    play.run_host(timezone.now() + timedelta(minutes=1))
    retry = Run.objects.get(retry_of=first)

    told, told_of_retry = explain(fresh(first)), explain(retry)

    assert (told.decisions, told.notes, told.taking) == ([action], [later, taken, note], None)
    assert told_of_retry.decisions == []
    assert told.attempts == told_of_retry.attempts == [first, retry]
    assert told.why == "olga asserted that it did not happen: I asked the bank"


@pytest.mark.parametrize(
    ("at", "shown"), [(0, range(11)), (12, range(2, 23)), (24, range(14, 25)), (5, range(16))]
)
def test_of_a_long_chain_the_nearest_attempts_are_shown(rows: Rows, at: int, shown: range) -> None:
    chain: list[Run] = []
    for _ in range(25):
        chain.append(rows.run("failed", retry_of=chain[-1] if chain else None))

    assert ATTEMPTS_SHOWN == 10
    assert explain(chain[at]).attempts == [chain[number] for number in shown]


@pytest.mark.parametrize("effect", ["skipped", "failed"])
def test_a_skipped_event_names_the_run_with_which_it_was_skipped_if_it_was_with_one(
    rows: Rows, effect: str
) -> None:
    first, last = rows.run("failed"), rows.run("failed")
    event = rows.event("skipped")
    rows.mutation(last, effect, resolved_by="operator")
    for run in (first, last):
        event.reservations.create(run=run)
    (fate,) = explain(first).reserved
    assert fate == Fate(event, last if effect == "skipped" else None)


def test_behind_a_run_waits_what_its_lane_has_in_all_topics_that_somebody_takes(rows: Rows) -> None:
    run = rows.run("blocked", lane="ACME")
    assert explain(run).behind == Behind(0, False, None)
    taken, left = (
        Topic.objects.create(workflow=rows.workflow, name=name, consumer=consumer)
        for name, consumer in (("invoice.changed", rows.handler), ("invoice.left", None))
    )
    waiting = [rows.event(lane="ACME"), rows.event(lane="ACME", topic=taken)]
    for others in ({"lane": "other"}, {"lane": "ACME", "topic": left}, {"status": "consumed"}):
        rows.event(**{"lane": "ACME", **others})
    Event.objects.update(created_at=NOON - timedelta(days=1))
    for hours, event in enumerate(waiting):
        Event.objects.filter(pk=event.pk).update(created_at=NOON + timedelta(hours=hours))

    assert explain(run).behind == Behind(2, False, NOON)
    assert explain(rows.run("active", lane="other")).behind is None
    Event.objects.bulk_create(
        Event(topic=taken, lane="ACME", message_id=f"{number}", payload={})
        for number in range(COUNTED_AT_MOST - 1)
    )
    assert explain(run).behind == Behind(COUNTED_AT_MOST, True, NOON)


def test_of_late_answers_the_newest_that_says_something_is_shown(rows: Rows) -> None:
    mutation = rows.mutation(rows.run())
    told = [
        Evidence.objects.create(mutation=mutation, kind=kind, verdict=verdict)
        for kind, verdict in (
            ("late", "applied"),
            ("late", "not_applied"),
            ("execute", "applied"),
            ("late", "unknown"),
        )
    ]

    assert explain(mutation.run).late == told[1]


def test_looking_changes_nothing(scene: SceneMaker) -> None:
    run = scene("lost").happens("42")
    event = Event.objects.get()
    before = (fresh(run).__dict__.copy(), run.history.count(), event.history.count())

    explain(run)

    after = (fresh(run).__dict__.copy(), run.history.count(), event.history.count())
    for state in (before, after):
        state[0].pop("_state")
    assert after == before


def test_a_crash_leaves_the_reason_that_nobody_recorded_the_outcome(scene: SceneMaker) -> None:
    play = scene("crash", mutator=scripted("crash"))
    play.publish("42")
    with pytest.raises(SimulatedCrash):
        play.run_host()
    play.run_host()

    told = explain(Run.objects.get(status="blocked"))

    assert told.why == (
        "outcome unknown, and nobody can be asked: the worker ended before the outcome was recorded"
    )
    assert [(row.kind, row.verdict, row.detail) for row in told.evidence] == [
        ("execute", "unknown", "the worker ended before the outcome was recorded")
    ]
