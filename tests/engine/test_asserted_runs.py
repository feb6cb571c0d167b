"""The run that follows "It didn't happen", when `mutate` fails or has nothing to call (P1, P2)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import (
    SHIPPED,
    Deploy,
    calling,
    code,
    consumer,
    host,
    last_run,
    send,
    status_of,
)
from workflows_app.models import Event
from workflows_app.operations import it_didnt_happen
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    PrepareResult,
    TransientError,
    Workflow,
)
from workflows_app.testing import ScriptedMutator, scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]

SURE = "the list is empty"


def _second_mutate(called: type[ScriptedMutator], answer: Any) -> type[Workflow]:
    """Return a workflow whose second `mutate` raises or returns `answer`, and else makes the call."""
    mutates: list[PrepareResult] = []

    def mutate(prepared: PrepareResult) -> Any:
        mutates.append(prepared)
        if len(mutates) != 2:
            return MutationCall(called, {"of": prepared.data})
        if isinstance(answer, Exception):
            raise answer
        return answer

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        ctx.publish(SHIPPED, message_id=prepared.reservations[0].message_id, payload=outcome.status)

    return code(consumer(mutate=mutate, next=next), calls=[called])


@pytest.mark.parametrize(
    ("error", "kind", "seconds"),
    [(TransientError("busy"), "transient", 10), (ValueError("a typo"), "logic", 0)],
)
def test_a_mutate_that_fails_sends_nothing_and_is_retried_as_any_other(
    deploy: Deploy, operator_user: User, error: Exception, kind: str, seconds: float
) -> None:
    called = scripted("timeout", "applied")
    deploy(_second_mutate(called, error))
    send()
    host()
    it_didnt_happen(last_run(), actor=operator_user, reason=SURE)
    host()
    failed = last_run()

    assert (failed.status, failed.failure_kind, failed.failure_phase) == (
        "failed",
        kind,
        "prepared",
    )
    told = "busy" if kind == "transient" else "ValueError: a typo"
    assert (failed.failure_message, len(called.calls)) == (told, 1)
    if kind == "logic":
        assert host(10**8) == 0
        deploy(calling(called, version="1.1"))
    host(seconds)
    assert (last_run().status, status_of("1"), len(called.calls)) == ("committed", "consumed", 2)


def test_a_mutate_that_has_nothing_to_call_any_more_goes_straight_to_next(
    deploy: Deploy, operator_user: User
) -> None:
    called = scripted("timeout")
    deploy(_second_mutate(called, None))
    send()
    host()
    it_didnt_happen(last_run(), actor=operator_user, reason=SURE)
    host()

    assert (last_run().status, status_of("1"), len(called.calls)) == ("committed", "consumed", 1)
    assert Event.objects.get(topic__name=SHIPPED).payload == "none"
