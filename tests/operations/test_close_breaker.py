"""The circuit breaker of a consumer, and the person who closes it: an outage does little damage (P8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.operations.readiness import (
    SEES_DECISIONS,
    decided,
    may_only,
    refusal,
)
from tests.scenes import Scene, workflow_with
from workflows_app.models import Breaker, Event, Handler, Run
from workflows_app.operations import close_breaker, pause_workflow
from workflows_app.sdk import Workflow
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
    # Of the same workflow, and nobody has pressed there.
    other = Handler.objects.create(workflow=play.workflow, kind="consumer", name="Tell")
    Breaker.objects.create(handler=other)
    assert refusal(close_breaker, other, User.objects.create_superuser("root")) == (
        "not_open",
        "The breaker of pay: Tell is not open: its calls go out.",
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
