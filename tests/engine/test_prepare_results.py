"""What `prepare` returns, and how `mutate` and `next` see it: the same, also after a crash (P1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.stage import (
    RECEIVED,
    Deploy,
    after,
    calling,
    code,
    consumer,
    host,
    last_run,
    row,
    runs,
    send,
)
from workflows_app.models import Event, LaneState
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
)
from workflows_app.testing import SimulatedCrash, scripted

pytestmark = pytest.mark.django_db

DATA = {"lines": [1, 2.5, "ü"], "none": None, "big": 1e300, "pair": (1, 2)}
AS_JSON = {"lines": [1, 2.5, "ü"], "none": None, "big": int(1e300), "pair": [1, 2]}


class _Seen(list[PrepareResult]):
    """A consumer's `next` that records what it is given, and dies the first `crashes` times."""

    def __init__(self, crashes: int = 0) -> None:
        self.crashes = crashes

    def __call__(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        self.append(prepared)
        if len(self) <= self.crashes:
            raise SimulatedCrash


def test_mutate_and_next_see_the_prepare_result_also_after_a_crash(deploy: Deploy) -> None:
    called, seen, by_mutate = scripted("applied"), _Seen(crashes=1), _Seen()

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED)
        if not events:
            return PrepareResult.nothing()
        return PrepareResult(reversed(events), DATA, "Ship two orders", wake_at=after(7))

    def mutate(prepared: PrepareResult) -> MutationCall:
        by_mutate.append(prepared)
        return MutationCall(called, {})

    deploy(code(consumer(prepare, mutate, seen), calls=[called]))
    send("1", {"weight": 3})
    send("2", [None])
    with pytest.raises(SimulatedCrash):
        host()
    host()
    host(10)

    expected = PrepareResult(seen[0].reservations, AS_JSON, "Ship two orders", after(7))
    assert seen == [expected, expected]
    assert by_mutate == [expected]
    told = [(event.topic, event.message_id, event.payload) for event in expected.reservations]
    assert told == [(RECEIVED, "2", [None]), (RECEIVED, "1", {"weight": 3})]
    assert [run.title for run in runs()] == ["Ship two orders"] * 2
    assert len(called.effects) == 1


def test_what_a_handler_does_to_its_copy_is_not_seen_by_the_next_phase(deploy: Deploy) -> None:
    seen = _Seen()

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED)
        for event in events:
            event.payload["weight"] = 1000
        return PrepareResult(events, [event.payload for event in events])

    def mutate(prepared: PrepareResult) -> None:
        prepared.data.append("changed by mutate")
        prepared.reservations[0].payload.clear()

    deploy(code(consumer(prepare, mutate, seen)))
    send("1", {"weight": 3})
    host()

    assert [prepared.data for prepared in seen] == [[{"weight": 1000}]]
    assert [prepared.reservations[0].payload for prepared in seen] == [{"weight": 3}]
    assert Event.objects.get().payload == {"weight": 3}


def test_a_consumer_without_next_keeps_its_state(deploy: Deploy) -> None:
    deploy(code(consumer()))
    LaneState.objects.update(state={"kept": True})
    send()
    host()

    assert row().handlers.get().state == {"kept": True}


def test_a_long_target_is_cut(deploy: Deploy) -> None:
    called = scripted("applied")
    called.target = lambda self, params: "x" * 500  # type: ignore[method-assign]
    deploy(calling(called))
    send()
    host()

    assert last_run().mutation.target == "x" * 300
