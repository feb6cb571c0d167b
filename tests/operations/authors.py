"""A workflow that remembers which phases were called with what, and whose handler fails as told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.scenes import SLUG, Scene, workflow_with
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
    TransientError,
    Workflow,
)
from workflows_app.testing import ScriptedMutator, SimulatedCrash, registered, scripted


class Recorded(Scene):
    """A synced workflow, and the calls of its consumer in order."""

    def __init__(self, mutator: type[ScriptedMutator], next_plays: tuple[str, ...]) -> None:
        super().__init__(mutator, SLUG)
        self.calls: list[str] = []
        self.prepared: list[PrepareResult] = []
        self.mutate_plays: list[str] = []
        self.next_plays = list(next_plays)

    def code(self, version: str = "1.0") -> type[Workflow]:
        """Return the workflow's class at `version`."""
        scene = self
        workflow = workflow_with(self.mutator, SLUG)
        (written,) = workflow.consumers

        class Pay(written):  # type: ignore[valid-type,misc]  # a class made at run time
            def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
                scene.calls.append("prepare")
                result: PrepareResult = super().prepare(ctx, state)
                return result

            def mutate(self, prepared: PrepareResult) -> MutationCall:
                scene.calls.append("mutate")
                scene.prepared.append(prepared)
                play(scene.mutate_plays)
                call: MutationCall = super().mutate(prepared)
                return call

            def next(
                self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome
            ) -> Any:
                scene.calls.append(f"next {outcome.status}")
                if outcome.status != "none":
                    scene.prepared.append(prepared)
                    play(scene.next_plays)
                return super().next(ctx, prepared, outcome)

        workflow.consumers = [Pay]
        workflow.version = version
        return workflow

    def goes_on(self, *, days: int) -> None:
        """Let a worker find what a dead one left, and do so many days later what is due then."""
        self.run_host()
        self.run_host(timezone.now() + timedelta(days=days))

    def happens_until_crash(self, *, days: int = 0) -> None:
        """Let the host work, now and so many days later, until its worker dies."""
        with pytest.raises(SimulatedCrash):
            self.goes_on(days=days)


def play(script: list[str]) -> None:
    """Do what the script has in store for this call; nothing after its end."""
    match script.pop(0) if script else "ok":
        case "logic":
            raise ValueError("the handler is broken")
        case "transient":
            raise TransientError("the mail server is away")
        case "crash":
            raise SimulatedCrash


@pytest.fixture
def recorded() -> Iterator[Callable[..., Recorded]]:
    """`recorded(*outcomes, next_plays=())`: a `Recorded` whose mutator plays the outcomes."""
    with ExitStack() as stack:

        def make(
            *outcomes: str,
            next_plays: tuple[str, ...] = (),
            mutator: type[ScriptedMutator] | None = None,
        ) -> Recorded:
            scene = Recorded(mutator or scripted(*outcomes), next_plays)
            stack.enter_context(registered(scene.code()))
            return scene

        yield make
