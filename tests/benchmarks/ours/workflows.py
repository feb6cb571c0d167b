"""As many workflows as the run wants, each with one consumer and one outside call a run."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from tests.benchmarks.calls import make_effects
from tests.benchmarks.loads import (
    A_RUN_VARIABLE,
    HELD_LANE,
    LANES_VARIABLE,
    WORKFLOWS_VARIABLE,
    lane_of,
)
from workflows_app.sdk import (
    Consumer,
    EventRecord,
    MutationCall,
    MutationOutcome,
    Mutator,
    NextContext,
    PrepareContext,
    PrepareResult,
    Workflow,
    register,
)

_A_RUN = int(os.environ.get(A_RUN_VARIABLE, "1"))
_LANES = int(os.environ.get(LANES_VARIABLE, "0"))
_WORKFLOWS = int(os.environ.get(WORKFLOWS_VARIABLE, "16"))


class Effects(Mutator):
    name = "bench.effects"

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        return make_effects(params["names"])


class Work(Consumer):
    subscribes: ClassVar = ["work"]

    def lane(self, event: EventRecord) -> str:
        return lane_of(int(event.message_id), workflows=_WORKFLOWS, lanes=_LANES)

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek("work", limit=_A_RUN)
        if not events:
            return PrepareResult.nothing()
        if self.lane(events[0]).startswith(HELD_LANE):
            raise ValueError("this one waits for a person")
        return PrepareResult(events, {"names": [event.message_id for event in events]})

    def mutate(self, prepared: PrepareResult) -> MutationCall:
        return MutationCall(Effects, prepared.data)

    def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        return None


SLUG = "bench-"


def slug_of(number: int) -> str:
    return f"{SLUG}{number:05}"


WORKFLOWS = [
    register(
        type(
            f"Bench{number}",
            (Workflow,),
            {
                "__module__": __name__,
                "slug": slug_of(number),
                "title": f"Benchmark {number}",
                "version": "1.0",
                "consumers": [Work],
                "mutators": [Effects],
                # As many as the worker has room for.
                "policy": {"lanes_at_once": 1024},
            },
        )
    )
    for number in range(_WORKFLOWS)
]
