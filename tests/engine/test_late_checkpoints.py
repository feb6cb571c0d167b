"""No call leaves that may outlast the claim, whatever this worker remembers of it (P1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.engine.stage import RECEIVED, Deploy, code, consumer, host, mutator, send, status_of
from workflows_app.models import Lease
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]


def _nothing(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
    return None


@pytest.mark.parametrize("message_id", ["first", "second"])
def test_the_claim_outlasts_the_call_though_it_is_shorter_than_this_worker_remembers(
    deploy: Deploy, message_id: str
) -> None:
    lasts: list[bool] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED, limit=1)
        if [event.message_id for event in events] == [message_id]:
            Lease.objects.update(expires_at=Now() + timedelta(seconds=1))
        return PrepareResult(events)

    def execute(params: Any, key: str) -> Any:
        until = Now() + timedelta(seconds=60)
        lasts.append(Lease.objects.filter(expires_at__gt=until).exists())

    called = mutator(execute, policy={"call_timeout_seconds": 60})
    deploy(
        code(consumer(prepare, lambda prepared: MutationCall(called, {}), _nothing), calls=[called])
    )
    send("first")
    send("second")
    host()

    assert (status_of("first"), status_of("second")) == ("consumed", "consumed")
    assert lasts == [True, True]
