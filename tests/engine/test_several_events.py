"""A run of several events: what happens to it, by itself or by a person, happens to all of them (P2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import RECEIVED, Deploy, code, consumer, host, send, statuses
from workflows_app.models import Run
from workflows_app.operations import it_didnt_happen, it_happened, skip_run
from workflows_app.sdk import MutationCall, PrepareContext, PrepareResult
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


def _take_three(ctx: PrepareContext, state: Any) -> PrepareResult:
    events = ctx.peek(RECEIVED, limit=3)
    return PrepareResult(events) if len(events) == 3 else PrepareResult.nothing()


def _happens(deploy: Deploy, *outcomes: str) -> Run:
    """Let three events be taken by one run, whose call goes so; return that run."""
    bank = scripted(*outcomes)
    ship = consumer(_take_three, lambda prepared: MutationCall(bank, {}))
    deploy(code(ship, calls=[bank]))
    for number in "123":
        send(number)
    host()
    return _newest()


def _newest() -> Run:
    return Run.objects.filter(reservations__isnull=False).distinct().latest("pk")


@pytest.mark.parametrize(
    ("operation", "status"),
    [(skip_run, "skipped"), (it_happened, "consumed"), (it_didnt_happen, "consumed")],
)
def test_a_decision_is_about_all_events_of_the_run(
    deploy: Deploy, operator_user: User, operation: Callable[..., Any], status: str
) -> None:
    run = _happens(deploy, "lost", "applied")
    assert (run.status, statuses()) == ("blocked", dict.fromkeys("123", "reserved"))

    operation(run, actor=operator_user, reason="I looked")
    host()

    assert (_newest().status, statuses()) == ("committed", dict.fromkeys("123", status))
    reserved = _newest().reservations.order_by("pk").values_list("event__message_id", flat=True)
    assert list(reserved) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("applied", "consumed"), ("refused", "pending"), ("rejected", "pending")],
)
def test_the_end_of_a_run_is_about_all_its_events(
    deploy: Deploy, outcome: str, status: str
) -> None:
    run = _happens(deploy, outcome)

    assert run.reservations.count() == 3
    assert statuses() == dict.fromkeys("123", status)
