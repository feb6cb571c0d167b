"""The circuit breaker of a consumer, and the person who closes it: an outage does little damage (P8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.operations.readiness import (
    SEES_DECISIONS,
    changed,
    decided,
    everything,
    may_only,
    refusal,
    told,
)
from tests.scenes import Scene, workflow_with
from workflows_app.models import Breaker, Event, Handler, Mutation, Run
from workflows_app.operations import close_breaker, pause_workflow
from workflows_app.sdk import Reconciliation, Workflow
from workflows_app.testing import ScriptedMutator, drain, registered, scripted

pytestmark = pytest.mark.django_db


class Payers(Scene):
    """A workflow that pays each supplier in a lane of their own, and what came of it."""

    @property
    def consumer(self) -> Handler:
        return self.workflow.handlers.get(kind="consumer")

    @property
    def breaker(self) -> Breaker:
        return Breaker.objects.get(handler=self.consumer)

    def owe(self, number: int, first: int = 0) -> None:
        """Let there be an invoice of each of so many suppliers."""
        for supplier in range(first, first + number):
            self.publish(f"invoice {supplier}", {"to": f"supplier {supplier}"})

    def trial(self) -> None:
        """Let the host work when the breaker's time is over."""
        self.run_host(self.breaker.trial_at)

    def left(self) -> int:
        """Return how many invoices nobody has begun to pay."""
        return Event.objects.filter(topic__name="invoice.received", status="pending").count()


PayersMaker = Callable[..., Payers]


@pytest.fixture
def payers() -> Iterator[PayersMaker]:
    """`payers(*outcomes)`: `Payers` whose mutator plays the outcomes."""
    with ExitStack() as stack:

        def make(*outcomes: str, mutator: type[ScriptedMutator] | None = None) -> Payers:
            mutator = mutator or scripted(*outcomes)
            stack.enter_context(registered(_code(mutator)))
            return Payers(mutator, "pay")

        yield make


def _code(mutator: type[ScriptedMutator]) -> type[Workflow]:
    code = workflow_with(mutator)
    (pay,) = code.consumers
    code.consumers = [type("Pay", (pay,), {"lane": lambda self, event: event.payload["to"]})]
    return code


def test_five_unknowns_in_a_row_over_all_lanes_open_it_and_no_new_call_goes_out(
    payers: PayersMaker,
) -> None:
    play = payers("timeout")
    play.owe(8)

    play.run_host()
    play.run_host()

    assert len(play.mutator.calls) == 5
    assert Run.objects.filter(status="blocked").count() == 5
    breaker = play.breaker
    assert (breaker.status, breaker.unknowns, breaker.openings) == ("open", 5, 1)
    assert breaker.trial_at > timezone.now()
    assert play.left() == 3


def test_a_definite_answer_in_between_counts_from_the_start(payers: PayersMaker) -> None:
    play = payers(*["timeout"] * 4, "rejected", *["timeout"] * 4, "applied")
    play.owe(10)

    play.run_host()

    assert len(play.mutator.calls) == 10
    assert (play.breaker.status, play.breaker.unknowns) == ("closed", 0)


def test_after_a_pause_one_run_is_a_trial_and_an_unknown_one_makes_the_pause_longer(
    payers: PayersMaker,
) -> None:
    play = payers("timeout")
    play.owe(8)
    play.run_host()
    first = play.breaker

    play.trial()

    assert len(play.mutator.calls) == 6
    assert (play.breaker.status, play.breaker.openings) == ("open", 2)
    assert play.breaker.opened_at == first.trial_at
    assert play.breaker.trial_at - first.trial_at > first.trial_at - first.opened_at
    assert [status for status, *_ in told(first.history)][-3:] == ["open", "half_open", "open"]


def test_a_trial_with_an_answer_closes_it_and_all_go_on(payers: PayersMaker) -> None:
    play = payers(*["timeout"] * 5, "applied")
    play.owe(8)
    play.run_host()

    play.trial()

    assert (play.breaker.status, play.breaker.unknowns, play.breaker.openings) == ("closed", 0, 0)
    assert (len(play.mutator.calls), play.left()) == (8, 0)


def test_a_reconcile_with_an_answer_closes_it_and_all_go_on(payers: PayersMaker) -> None:
    mutator = scripted(*["timeout"] * 5, "applied", reconcilable=True)
    mutator.reconcile = _away
    play = payers(mutator=mutator)
    play.owe(8)
    play.run_host()
    assert play.breaker.status == "open"
    due = Mutation.objects.filter(status="needs_reconcile").earliest("next_reconcile_at")
    Breaker.objects.update(trial_at=due.next_reconcile_at + timedelta(minutes=5))

    mutator.reconcile = _never_there
    play.run_host(due.next_reconcile_at)

    assert play.breaker.status == "closed"
    # The other three are paid. What was not applied is tried again after backoff.
    assert len(play.mutator.effects) == 3


def _away(self: Any, params: Any, *, idempotency_key: str) -> Reconciliation:
    raise TimeoutError("the bank is away")


def _never_there(self: Any, params: Any, *, idempotency_key: str) -> Reconciliation:
    return Reconciliation.not_applied()


@pytest.mark.parametrize("status", ["open", "half_open"])
def test_a_person_closes_it_and_calls_go_out_at_once(
    payers: PayersMaker, operator_user: User, status: str
) -> None:
    play = payers(*["timeout"] * 5, "applied")
    play.owe(8)
    play.run_host()
    Breaker.objects.update(status=status)
    before = everything()

    action = close_breaker(play.consumer, actor=operator_user, reason="the bank says it is back")

    news = changed(before, everything())
    assert sorted(news) == ["Breaker", "HistoricalBreaker", "Lease", "OperatorAction"]
    assert news["Breaker"] == [
        {
            **before["Breaker"][play.breaker.pk],
            "status": "closed",
            "unknowns": 0,
            "openings": 0,
            "opened_at": None,
            "trial_at": None,
        }
    ]
    assert told(play.breaker.history)[-1] == ("closed", "the bank says it is back", "olga")
    assert (action.operation, action.workflow) == ("close_breaker", play.workflow)
    assert (action.run, action.event) == (None, None)
    play.run_host()
    assert (len(play.mutator.calls), play.left()) == (8, 0)
    assert Run.objects.filter(status="blocked").count() == 5


def test_a_second_press_is_told_who_did_what(payers: PayersMaker, operator_user: User) -> None:
    play = payers("timeout")
    play.owe(5)
    play.run_host()
    first = close_breaker(play.consumer, actor=operator_user, reason="I was first")
    pause_workflow(play.workflow, actor=operator_user, reason="for another reason")

    assert refusal(
        close_breaker, play.consumer, may_only("second", "close_breaker", SEES_DECISIONS)
    ) == (
        "not_open",
        f"The breaker of pay: Pay is not open: its calls go out. {decided(first)}",
    )


@pytest.mark.parametrize("unknowns", [0, 4])
def test_where_calls_go_out_it_is_refused(
    payers: PayersMaker, operator_user: User, unknowns: int
) -> None:
    play = payers("timeout")
    play.owe(unknowns)
    play.run_host()

    assert refusal(close_breaker, play.consumer, operator_user) == (
        "not_open",
        "The breaker of pay: Pay is not open: its calls go out.",
    )


@pytest.mark.django_db(transaction=True)
def test_an_hour_s_outage_leaves_those_in_flight_and_a_dozen_more(payers: PayersMaker) -> None:
    at_once, play = 4, payers("timeout")
    play.owe(60)
    began = timezone.now()

    now = began
    while now <= began + timedelta(hours=1):
        drain("pay", now=now, at_once=at_once)
        now = _trial_at(play)

    unknown = Run.objects.filter(status="blocked").count()
    assert unknown == len(play.mutator.calls)
    assert 5 <= unknown <= 5 + at_once + 12
    assert play.left() == 60 - unknown

    play.mutator.outcomes[:] = ["applied"]
    drain("pay", now=now, at_once=at_once)

    assert play.left() == 0
    assert len(play.mutator.effects) == 60 - unknown
    assert Run.objects.filter(status="blocked").count() == unknown


def _trial_at(play: Payers) -> datetime:
    trial_at = play.breaker.trial_at
    assert trial_at is not None
    return trial_at
