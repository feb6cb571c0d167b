"""What the context of each phase offers its handler."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.stage import RECEIVED, Deploy, code, consumer, host, producer, send
from workflows_app.sdk import (
    MutationOutcome,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
)

pytestmark = pytest.mark.django_db


def test_the_context_of_a_phase_offers_only_what_the_phase_may_do(deploy: Deploy) -> None:
    offered: dict[str, list[str]] = {}

    def names(ctx: object) -> list[str]:
        return sorted(name for name in dir(ctx) if not name.startswith("_"))

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        offered["prepare"] = names(ctx)
        return PrepareResult(ctx.peek(RECEIVED))

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        offered["next"] = names(ctx)

    def poll(ctx: PollContext, state: Any) -> None:
        offered["poll"] = names(ctx)

    deploy(code(consumer(prepare, next=next), producer(poll)))
    send()
    host()

    assert not {"publish", "state", "register_input"} & set(offered["prepare"])
    assert not {"peek", "get", "register_input"} & set(offered["next"])
    assert not {"peek", "get", "state"} & set(offered["poll"])
