"""Retry now: nobody waits for the backoff, and what was applied is not sent again (P1, P2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.operations.authors import Recorded
from tests.operations.readiness import (
    SceneMaker,
    changed,
    everything,
    told,
)
from workflows_app.models import Event, Run
from workflows_app.operations import (
    retry_failed_run,
    skip_event,
)
from workflows_app.testing import drain, registered

pytestmark = pytest.mark.django_db

RecordedMaker = Callable[..., Recorded]


@pytest.mark.parametrize(
    ("outcome", "kind", "waits"), [("refused", "transient", True), ("rejected", "rejected", False)]
)
def test_where_nothing_was_applied_a_new_run_starts_from_prepare(
    recorded: RecordedMaker, operator_user: User, outcome: str, kind: str, waits: bool
) -> None:
    play = recorded(outcome, "applied")
    run = play.happens(days=0)
    assert (run.status, run.failure_kind, run.owes_retry) == ("failed", kind, True)
    assert (run.retry_due_at is not None) == waits
    before = everything()

    action = retry_failed_run(run, actor=operator_user, reason="the account has money again")

    news = changed(before, everything())
    assert sorted(news) == ["HistoricalRun", "Lease", "OperatorAction", "Run"]
    retry = Run.objects.get(retry_of=run)
    assert {row["id"]: row for row in news["Run"]}[run.pk] == {
        **before["Run"][run.pk],
        "owes_retry": False,
        "retry_due_at": None,
    }
    assert (retry.status, retry.phase, retry.prepare_result) == ("active", "preparing", None)
    assert (retry.idempotency_key, retry.earlier_failures) == ("", 0)
    assert told(run.history)[-1] == ("failed", "the account has money again", "olga")
    assert told(retry.history) == [("active", "the account has money again", "olga")]
    assert (action.run, action.event) == (run, None)

    play.run_host()

    assert play.calls == ["prepare", "mutate", "prepare", "mutate", "next applied"]
    assert Run.objects.get(pk=retry.pk).status == "committed"
    assert len({key for _, key in play.mutator.calls}) == 2


@pytest.mark.parametrize("failure", ["logic", "transient"])
def test_where_it_was_applied_only_next_runs_again_with_the_same_outcome(
    recorded: RecordedMaker, operator_user: User, failure: str
) -> None:
    play = recorded("applied", next_plays=(failure,))
    run = play.happens(days=0)
    event = Event.objects.get(topic__name="invoice.received")
    assert (run.failure_kind, event.status, event.reserved_by) == (failure, "reserved", run)

    retry_failed_run(run, actor=operator_user, reason="the mail server is back")

    retry = Run.objects.get(retry_of=run)
    assert (retry.phase, retry.prepare_result) == ("mutated", run.prepare_result)
    assert retry.settled_mutation == run.mutation
    play.run_host()
    assert play.calls == ["prepare", "mutate", "next applied", "next applied"]
    assert play.prepared[0] == play.prepared[1] == play.prepared[2]
    assert len(play.mutator.effects) == 1
    assert Run.objects.get(pk=retry.pk).status == "committed"
    event.refresh_from_db()
    assert [row.status for row in event.history.order_by("history_id")] == [
        "pending",
        "reserved",
        "reserved",
        "consumed",
    ]
    paid = Event.objects.get(topic__name="invoice.paid")
    assert (paid.payload, paid.created_by) == ({"number": 1}, retry)


def test_a_retry_that_fails_in_next_can_be_retried_in_its_turn(
    recorded: RecordedMaker, operator_user: User
) -> None:
    play = recorded("applied", next_plays=("logic", "logic", "logic"))
    run = play.happens(days=0)

    for _ in range(3):
        retry_failed_run(run, actor=operator_user, reason="once more")
        play.run_host()
        run = Run.objects.get(retry_of=run)

    assert play.calls == ["prepare", "mutate"] + ["next applied"] * 4
    assert (run.status, len(play.mutator.effects)) == ("committed", 1)


def test_a_retry_after_exhausted_backoff_starts_the_backoff_anew(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("refused")
    play.happens(days=6)
    run = Run.objects.get(owes_retry=True)
    # In a lane of the same name, of another workflow.
    assert scene("lost", slug="other").happens(days=0).status == "blocked"
    assert (run.earlier_failures, run.retry_due_at) == (5, None)

    retry_failed_run(run, actor=operator_user, reason="the bank is back")
    play.run_host()

    retry = Run.objects.get(retry_of=run)
    assert (retry.status, retry.earlier_failures) == ("failed", 0)
    assert retry.retry_due_at is not None


def test_a_failed_producer_is_polled_again(recorded: RecordedMaker, operator_user: User) -> None:
    play = recorded()
    code = play.code("1.1")
    (producer,) = code.producers
    code.producers = [type("Quiet", (producer,), {"poll": _broken})]
    with registered(code):
        drain("pay")
        run = Run.objects.get(handler__name="Quiet")
        assert (run.status, run.failure_kind) == ("failed", "logic")
    with registered(play.code("1.2")):
        retry_failed_run(run, actor=operator_user, reason="it reads again")
        drain("pay")
    assert Run.objects.get(retry_of=run).status == "committed"


def _broken(self: object, ctx: object, state: object) -> object:
    raise ValueError("the export has no header")


def test_a_retry_whose_event_was_skipped_meanwhile_finds_nothing(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("rejected", "applied")
    run = play.happens(days=0)
    skip_event(Event.objects.get(), actor=operator_user, reason="the supplier withdrew it")

    retry_failed_run(run, actor=operator_user, reason="go on")
    play.run_host()

    retry = Run.objects.get(retry_of=run)
    assert (retry.status, retry.reservations.count()) == ("committed", 0)
    assert not play.workflow.is_blocked
    assert len(play.mutator.calls) == 1
